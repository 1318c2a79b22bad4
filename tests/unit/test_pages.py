"""The pages say what the tree has: links, commands, rooms, layers, the path of one fault, the fixtures' names."""

import ast
import configparser
import functools
import importlib.util
import inspect
import re
import shlex
from itertools import groupby
from pathlib import Path

import pytest

from v2g_bench.commands.main import _parser
from v2g_bench.fixtures.judge import Judge
from v2g_bench.fixtures.plugin import PREFIX
from v2g_bench.qualification.defects.catalogue import CATALOGUE
from v2g_bench.rig.measuring.bench import Bench
from v2g_bench.rig.measuring.bus import Bus
from v2g_bench.rig.measuring.command_lines import DutCommandLine
from v2g_bench.rig.measuring.latches import Latches
from v2g_bench.rig.measuring.plans import Plans
from v2g_bench.rig.measuring.power import Power
from v2g_bench.rig.measuring.readings import Readings
from v2g_bench.rig.measuring.signals import Signals
from v2g_bench.rig.measuring.under_test import UnderTest

ROOT = Path(__file__).parents[2]
FOLDERS = ("*.md", "bench/**/*.md", "fixtures/*.md", "reports/*.md", "rigs/**/*.md")
PAGES = sorted(page for pattern in FOLDERS for page in ROOT.glob(pattern))
ARCHITECTURE = (ROOT / "bench" / "README.md").read_text()
TESTS_PAGE = (ROOT / "fixtures" / "README.md").read_text()


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_somewhere(page):
    text = page.read_text()
    links = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for link in links:
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def commands() -> list[tuple[str, str]]:
    """Every line of the pages' code blocks that begins with v2g-bench, without what explains it."""
    found: list[tuple[str, str]] = []
    for page in PAGES:
        for line in re.findall(r"^    (?:\.venv/bin/)?(v2g-bench .+)$", page.read_text(), re.MULTILINE):
            found.append((str(page.relative_to(ROOT)), re.split(r"  +| #|(?<=toml) (?=measures)", line)[0]))
    return found


@pytest.mark.parametrize(("page", "line"), commands())
def test_each_command_is_one(page, line, capsys):
    words = [word.replace("…", "").strip() for word in shlex.split(line)[1:]]
    _parser().parse_args([{"N": "1"}.get(word, word) for word in words])


def test_the_first_two_commands_of_readme_stay():
    blocks = re.findall(r"^    (.+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert (
        blocks[0] == "./install && .venv/bin/v2g-bench qualify --rig=vcan0 --trials=2 && .venv/bin/pytest --rig=vcan0"
    )
    assert blocks[1] == "./install && .venv/bin/pytest tests/unit tests/integration"


def test_the_number_of_seeded_defects_is_the_catalogues():
    (number,) = re.findall(r"(\d+) broken controllers, parts and benches", (ROOT / "rigs" / "README.md").read_text())
    assert int(number) == len(CATALOGUE)


def test_each_rig_has_a_row():
    rows = re.findall(
        r"^\| (`.+?) \|", (ROOT / "rigs" / "README.md").read_text().split("## A rig file")[0], re.MULTILINE
    )
    named = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    assert named == {path.stem for path in (ROOT / "rigs").glob("*.toml")}


# The architecture page


def test_each_room_has_a_row():
    table = ARCHITECTURE.split("## Rooms")[1].split("| beside")[0]
    rows = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {init.parent.name for init in (ROOT / "bench").glob("*/__init__.py")}


def test_the_layers_are_those_of_the_contract():
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    drawn = re.findall(
        r"^    (?!\w+   )(\w+(?: \| \w+)*)$", ARCHITECTURE.split("## Which room")[1].split("## Core")[0], re.M
    )
    assert drawn == contracts["importlinter:contract:rooms"]["layers"].split("\n")[1:]
    for room, contract in (("rig", "rig"), ("ems", "controller"), ("reports", "reports")):
        (line,) = re.findall(rf"^    {room}   +(\w+ .+)$", ARCHITECTURE, re.MULTILINE)
        assert line.split(" > ") == contracts[f"importlinter:contract:{contract}"]["layers"].split("\n")[1:]


def stops() -> list[tuple[int, str, str]]:
    """(number, process, file:function) of each stop of the path of one fault."""
    found, process = [], ""
    for line in ARCHITECTURE.split("## The path of one fault")[1].split("## What you may")[0].splitlines():
        if heading := re.match(r"\*\*.+\*\* \(process: (\w+)\)", line):
            process = heading[1]
        if row := re.match(r"\| (\d+) \| `([^`]+)` \|", line):
            found.append((int(row[1]), process, row[2]))
    return found


def defined(path: Path) -> set[str]:
    """The functions, classes and methods of a module, as Class.method."""
    names = set()
    for item in ast.parse(path.read_text()).body:
        if isinstance(item, ast.FunctionDef):
            names.add(item.name)
        if isinstance(item, ast.ClassDef):
            names.add(item.name)
            inside = (ast.FunctionDef, ast.AsyncFunctionDef)
            names |= {f"{item.name}.{one.name}" for one in item.body if isinstance(one, inside)}
    return names


@pytest.mark.parametrize("place", sorted({place for _, _, place in stops()}))
def test_each_stop_of_a_fault_is_there(place):
    name, _, function = place.partition(":")
    assert function in defined(ROOT / name)


def test_the_stops_are_counted():
    found = stops()
    assert [number for number, _, _ in found] == list(range(1, len(found) + 1))
    count = {
        process: sum(one == process for _, one, _ in found) for process in ("pytest", "plant", "controller", "hub")
    }
    legs = [process for process, _ in groupby(process for _, process, _ in found)]
    message = " ".join(ARCHITECTURE.split("## The path of one fault")[1].split("**")[0].split())
    assert (
        f"{len(found)} stops in {len(count)} processes, {count['pytest']} of them in pytest, {count['plant']} in the plant, "
        f"{count['controller']} in the controller and {count['hub']} in the hub; a process boundary is crossed "
        f"{len(legs) - 1} times"
    ) in message


# What the pages for those who change the bench name in backticks

NAMING = ("README.md", "CONTRIBUTING.md", "bench/README.md", "bench/decisions.md", "bench/glossary.md")
OF_A_RUN = {"waveforms/0001.npz"}


@functools.cache
def tree() -> dict[str, Path]:
    """Every file and folder of the rooms and tests, by "/" and its path."""
    tops = [ROOT / name for name in (".ci", "bench", "fixtures", "reports", "rigs", "dbc", "tests")]
    return {f"/{path.relative_to(ROOT)}": path for top in tops for path in (top, *top.rglob("*"))}


@functools.cache
def classes() -> set[str]:
    """The names of all classes of the rooms."""
    files = [path for name, path in tree().items() if path.suffix == ".py" and not name.startswith("/tests")]
    return {name for path in files for name in re.findall(r"^class (\w+)", path.read_text(), re.MULTILINE)}


def is_there(word: str) -> bool:
    """A path from the top or from any room, with or without :NAME; a module of v2g_bench; or a class."""
    if re.fullmatch(r"v2g_bench(\.\w+)*", word):
        return importlib.util.find_spec(word) is not None
    if re.match(r"([A-Z][a-z]+){2,}(\(|$)", word):
        return word.partition("(")[0] in classes()
    path, _, name = word.partition(":")
    if not re.fullmatch(r"[\w./-]+/[\w.-]*|[\w-]+\.py", path) or word in OF_A_RUN:
        return True
    found = [place for known, place in tree().items() if known.endswith(f"/{path.strip('/')}")]
    return any(not name or name in defined(place) for place in found)


@pytest.mark.parametrize("page", NAMING)
def test_each_path_module_and_class_in_backticks_is_there(page):
    words = set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)))
    assert [word for word in sorted(words) if not is_there(word)] == []


@pytest.mark.parametrize(
    "word",
    ["bench/can/e2.py", "can/e2e.py:protects", "v2g_bench.cam", "NoSuchClass", "NoSuchClass(x)", "nothing.py", "a/"],
)
def test_a_name_that_is_not_there_is_found(word):
    assert not is_there(word)


# The page of tests


@pytest.mark.parametrize(("fixture", "kind"), [("bench", Bench), ("judge", Judge)])
def test_each_name_of_a_fixture_is_on_the_page_and_there(fixture, kind):
    own = {*vars(kind), *re.findall(r"self\.(\w+)(?=,|:| =)", inspect.getsource(kind))}
    named = set(re.findall(rf"(?<![\w-]){fixture}\.(\w+)", TESTS_PAGE))
    assert named == {name for name in own if not name.startswith("_")}


def test_each_option_is_on_the_page(pytestconfig):
    (group,) = [one for one in pytestconfig._parser._groups if one.name == "v2g-bench"]
    named = set(re.findall(r"^\| `(--[\w-]+)", TESTS_PAGE, re.MULTILINE))
    names = {option for one in group.options for option in one.names()}
    assert named == {option for option in names if not option.startswith(PREFIX)}
    assert {option.replace("--", PREFIX) for option in named} == {
        option for option in names if option.startswith(PREFIX)
    }


# What the program itself says


def said() -> list[tuple[str, str]]:
    """(place, text) of each text in the source that is no docstring."""
    found = []
    for path in (path for room in ("bench", "fixtures", "reports") for path in sorted((ROOT / room).rglob("*.py"))):
        tree = ast.parse(path.read_text())
        bodies = [
            node.body[0] for node in ast.walk(tree) if isinstance(getattr(node, "body", None), list) and node.body
        ]
        documents = {id(one.value) for one in bodies if isinstance(one, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
                found.append((f"{path.relative_to(ROOT)}:{node.lineno}", node.value))
    return found


def test_hints_name_files_and_commands_that_are_there():
    file = re.compile(r"(?<![\w/.-])(?:bench|fixtures|reports|rigs|dbc|tests)/[\w./-]+\.(?:md|toml|py|dbc|sh)\b")
    (commands,) = [one.choices for one in _parser()._actions if isinstance(one.choices, dict)]
    named = [(place, name) for place, text in said() for name in file.findall(text)]
    asked = [
        (place, name) for place, text in said() for name in re.findall(r"v2g-bench ([a-z]+)(?= --| [A-Z{]|$)", text)
    ]
    assert named
    assert asked
    assert [one for one in named if not (ROOT / one[1]).is_file()] == []
    assert [one for one in asked if one[1] not in commands] == []


@pytest.mark.parametrize("part", [Power, Readings, Bus, Signals, UnderTest, Plans, DutCommandLine, Latches])
def test_each_public_name_below_bench_is_on_the_page(part):
    own = {name for name in vars(part) if not name.startswith("_")}
    assert {name for name in own if not re.search(rf"\b{name}\b", TESTS_PAGE)} == set()
