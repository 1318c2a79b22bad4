"""The docstring of each room of the rig lists its public names: all that other rooms use, and nothing that is not there."""

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
ROOMS = ["rig.dut", "rig.file", "rig.measuring", "rig.parts", "rig.safety", "sim"]


def listed(text: str) -> dict[str, set[str]]:
    """Module -> names, of a docstring's lines after "Public names:"."""
    _, _, names = text.partition("Public names:\n")
    found = re.findall(r"^    ([\w.]+) +(\S.*(?:\n {12,}\S.*)*)$", names, re.MULTILINE)
    return {
        module: {name.strip() for name in words.replace("\n", " ").split(",") if name.strip()}
        for module, words in found
    }


@cache
def imports() -> list[tuple[Path, str, tuple[str, ...]]]:
    """(file, module, names) of everything that the project imports of itself by name."""
    return [
        (path, node.module, tuple(name.name for name in node.names))
        for folder in ("bench", "fixtures", "reports", "tests/conformance")
        for path in (PROJECT / folder).rglob("*.py")
        if "v2g_bench." in (text := path.read_text("utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module is not None
    ]


def used(room: str) -> dict[str, set[str]]:
    """Module -> names that other rooms import from the modules of this one."""
    here, found = f"v2g_bench.{room}.", {}
    inside = PROJECT / "bench" / room.replace(".", "/")
    for path, module, names in imports():
        if module.startswith(here) and not path.is_relative_to(inside):
            found.setdefault(module.removeprefix(here), set()).update(names)
    return found


def test_a_list_is_read():
    assert listed("x.\n\nPublic names:\n\n    one    A, B,\n             C\n    two    D\n") == {
        "one": {"A", "B", "C"},
        "two": {"D"},
    }


@pytest.mark.parametrize("room", ROOMS)
def test_what_is_used_of_a_room_is_listed_and_what_is_listed_is_there(room):
    names = listed(importlib.import_module(f"v2g_bench.{room}").__doc__)
    assert names
    for module, wanted in used(room).items():
        assert wanted <= names.get(module, set()), f"{module}: {sorted(wanted - names.get(module, set()))} not listed"
    for module, words in names.items():
        there = importlib.import_module(f"v2g_bench.{room}.{module}")
        assert [name for name in sorted(words) if not hasattr(there, name)] == []
