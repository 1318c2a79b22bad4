"""What the wheel installs: one name at top level, and every room in it."""

import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from v2g_bench.fixtures.heads import HEADS_FILE

ROOT = Path(__file__).parents[2]
ROOMS = {"bench": "v2g_bench", "fixtures": "v2g_bench.fixtures", "reports": "v2g_bench.reports"}
ROOMS |= {"rigs": "v2g_bench.rigs", "dbc": "v2g_bench.dbc"}
SUITE = "v2g_bench.tests.conformance"  # no room: data, at the same path as in the checkout


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_nothing_but_one_name_at_top_level(project):
    setuptools = project["tool"]["setuptools"]
    assert setuptools["package-dir"] == {name: folder for folder, name in ROOMS.items()} | {SUITE: "tests/conformance"}
    assert {package.partition(".")[0] for package in setuptools["packages"]} == {"v2g_bench"}


def test_every_room_is_in_the_wheel(project):
    found = set()
    for folder, name in ROOMS.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            inside = init.parent.relative_to(ROOT / folder).parts
            found.add(".".join([name, *inside]))
    assert set(project["tool"]["setuptools"]["packages"]) == found | {SUITE}


def test_every_data_file_is_in_the_wheel(project):
    patterns = project["tool"]["setuptools"]["package-data"]
    rooms = {name: ROOT / folder for folder, name in ROOMS.items()}
    for package in project["tool"]["setuptools"]["packages"]:
        if package == SUITE:
            continue
        room = max((name for name in rooms if package == name or package.startswith(f"{name}.")), key=len)
        folder = (
            rooms[room].joinpath(*package.removeprefix(room).strip(".").split(".")) if package != room else rooms[room]
        )
        data = [path for path in folder.iterdir() if path.is_file() and path.suffix not in (".py", ".pyc")]
        if room == "v2g_bench.reports":
            data = [path for path in data if path.name not in (".gitignore", HEADS_FILE)]
        for path in data:
            assert any(path.match(pattern) for pattern in patterns.get(package, [])), f"{path} is in no package-data"


@pytest.mark.parametrize(("package", "folder"), [(SUITE, "tests/conformance"), ("v2g_bench.rigs", "rigs")])
def test_suite_and_rigs_are_whole_in_the_wheel(project, package, folder):
    """Every file below the folder: tests, requirements and sources; rigs, profiles, registers and the nightly example."""
    patterns = project["tool"]["setuptools"]["package-data"][package]
    packed = {path for pattern in [*patterns, "*.py"] for path in (ROOT / folder).glob(pattern)}
    there = {path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert there - packed == set()


def test_commands_and_plugin_can_be_loaded():
    for group, name in [
        ("console_scripts", "v2g-bench"),
        ("console_scripts", "v2g-daemon"),
        ("console_scripts", "v2g-ctrl"),
        ("console_scripts", "v2g-health"),
        ("pytest11", "v2g_bench"),
        ("can.interface", "v2g_userland"),
    ]:
        (point,) = entry_points(group=group, name=name)
        assert point.load() is not None


def test_lock_is_hashed_and_names_no_address():
    text = (ROOT / "requirements.txt").read_text()
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert pins
    assert all("==" in pin for pin in pins)
    assert text.count("--hash=sha256:") >= len(pins)
    assert "://" not in text
