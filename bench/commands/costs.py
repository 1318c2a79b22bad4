"""What a [dut] table states wrongly, and which requirement each command or role that is missing costs.

Which test uses what is read from the source of the suite: nothing is imported or run.
"""

import ast
import re
import string
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from v2g_bench.can.roles import ROLES
from v2g_bench.commands.requirements import read_claims
from v2g_bench.errors import BenchError
from v2g_bench.fixtures.requirements import Requirement, read_requirements, require_known_supports
from v2g_bench.reports.render.scope import ranges
from v2g_bench.rig.dut.host import ThisMachine
from v2g_bench.rig.file.model import Dut
from v2g_bench.rig.file.profile import unknown as unknown_ids
from v2g_bench.rig.file.stated import not_claimed

GIVEN = frozenset(
    ("config", "socket", "log", "folder", "channel", "interface", "inverter_host", "inverter_port")
)  # of every command
OWN = {  # and what the command is about
    "set_power": {"power_w"},
    "force_limit": {"value"},
    "departure": {"time", "soc_pct"},
    "v2g_window": {"start", "end"},
}
OPTIONAL = {"soc_pct"}  # a controller may plan a departure without it
USED = {  # how a test of the suite uses a command
    "reset_trip": r'"reset_trip"|\.released\(',
    "reset_soc_offset": r'"reset_soc_offset"',
    "reload": r'"reload"|command_line\.(limits|file|cooling_trigger)\(',
    "force_limit": r"forced_limit\(",
    "departure": r"plan\.departure",
    "v2g_window": r"plan\.v2g_window",
    "audit": r'run\("audit"\)',
    "health": r'must\("health"\)',
    "thermal": r'must\("thermal"\)',
    "restart": r"restart\(\)",
    "kill": r'restart\("kill"\)',
    "power_cycle": r'restart\("power_cycle"\)',
}
WITHOUT_IT = {"power_cycle", "kill", "restart"}  # these are NOT TESTED; a test that asks for another one is an ERROR
BY_ITSELF = {  # what the bench does without a command
    "process": {"restart", "kill"},
    "ssh": {"restart"},
    "external": set[str](),
    "core": {"restart", "kill", "power_cycle"},
}


def wrong(dut: Dut) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) of each command: a placeholder that nobody fills, a program that is not there."""
    lines = {"command": dut.command} | {f"commands.{name}": words for name, words in dut.commands.items()}
    for key, words in lines.items():
        where = f"dut.{key}"
        if not words:
            if key != "command":
                yield where, "is empty: name its program, or leave the key out"
            continue
        known = GIVEN | OWN.get(key.removeprefix("commands."), set())
        unknown = [text for word in words if (text := _unknown(word, known))]
        yield from ((where, text) for text in unknown)
        needed = OWN.get(key.removeprefix("commands."), set()) - OPTIONAL
        if not unknown and (absent := sorted(name for name in needed if not any("{" + name in word for word in words))):
            yield where, f"has no {{{absent[0]}}}: it would say the same whatever a test asks for"
        if dut.kind != "ssh" and not unknown and "{" not in words[0]:
            try:
                ThisMachine().argv(words, where)
            except BenchError as error:
                yield where, f"{error.what}\n  {error.hint}"
    yield from (
        (f"dut.commands.{name}", "is missing: every test needs it")
        for name in ("set_power",)
        if name not in dut.commands
    )


def _unknown(word: str, known: set[str] | frozenset[str]) -> str:
    hint = f"known: {', '.join(f'{{{name}}}' for name in sorted(known))}"
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(word) if field is not None]
    except ValueError as error:
        return f"{word!r}: {error}\n  a brace that is meant is written twice: {{{{ }}}}"
    strange = [field for field in fields if field not in known]
    return f"unknown placeholder {{{strange[0]}}} in {word!r}\n  {hint}" if strange else ""


def strange(dut: Dut, suite: Path, path: Path) -> Iterator[str]:
    """A sentence for each claim and each support that the suite does not know. Another suite may: pytest tells in the end."""
    known = read_requirements(suite)
    supports = dut.supports if "supports" in dut.model_fields_set else {}
    for look in (
        partial(unknown_ids, "dut.claims", dut.claims or [], known, path),
        partial(require_known_supports, known, supports, str(path)),
    ):
        try:
            look()
        except BenchError as error:
            yield f"of the suite that ships with the bench there is {error.what}; {error.hint}"


def missing(dut: Dut, roles: Mapping[str, object], suite: Path) -> Iterator[str]:
    """A sentence for each command and each role that is not there, with the claimed requirements that it costs."""
    known = read_requirements(suite)
    uses = {key: text for key, text in _sources(suite, known).items() if not not_claimed(dut, key, known[key].needs)}
    for name, pattern in USED.items():
        given = name in dut.commands or name in BY_ITSELF[dut.kind]
        costs = [key for key, text in uses.items() if re.search(pattern, text)]
        if not given and costs:
            how = "NOT TESTED" if name in WITHOUT_IT else "ERROR, or take the claim back"
            yield f"missing dut.commands.{name}: {ranges(sorted(costs))} will be {how}"
    there = {role.partition("[")[0] for role in roles}
    for role in sorted(ROLES.keys() - there):
        if costs := [key for key, text in uses.items() if _needs(role, text)]:
            yield f"missing role {role}: {ranges(sorted(costs))} will be NOT TESTED, in whole or in part"


def _needs(role: str, text: str) -> bool:
    asked = (name for call in re.findall(r"\.needs\(([^)]*)\)", text) for name in re.findall(r"['\"]([^'\"]+)", call))
    return any(fnmatchcase(role, re.sub(r"\{.*?\}", "*", name)) for name in asked)


def _sources(suite: Path, known: Mapping[str, Requirement]) -> dict[str, str]:
    """Requirement -> the source of its tests, with all of their modules that they use."""
    found: dict[str, str] = {}
    for key, tests in read_claims(suite, known).items():
        for test in tests:
            path, _, name = test.partition("::")
            found[key] = found.get(key, "") + _used(Path(path), name)
    return found


def _used(path: Path, name: str) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts: dict[str, ast.stmt] = {}
    for item in tree.body:
        if isinstance(item, ast.FunctionDef | ast.ClassDef):
            parts[item.name] = item
        elif isinstance(item, ast.Assign):
            parts |= {target.id: item for target in item.targets if isinstance(target, ast.Name)}
    seen, waiting = set(), [name.partition("::")[0]]
    while waiting:
        one = waiting.pop()
        if one in parts and one not in seen:
            seen.add(one)
            nodes = list(ast.walk(parts[one]))
            waiting += [node.id for node in nodes if isinstance(node, ast.Name)]
            waiting += [node.arg for node in nodes if isinstance(node, ast.arg)]  # a fixture
            waiting += [str(node.value) for node in nodes if isinstance(node, ast.Constant) and node.value in parts]
    return "\n".join(ast.unparse(parts[one]).replace("'", '"') for one in sorted(seen))
