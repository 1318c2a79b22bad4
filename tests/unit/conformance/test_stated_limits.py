"""The limits that the conformance tests write down are those that their requirements state, and the other way round.

A test is read, not run: its numbers (in the function, in its decorators, in the constants of its module that they use) and
the names that it takes from the rig, itself or through what it calls of `judge`, `bench.power` and `cells`.
"""

import ast
import inspect
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

from v2g_bench.campaign.bus_observer import TRIP_C, TRIP_STRINGS_V
from v2g_bench.ems.model.config import Thresholds as EmsThresholds
from v2g_bench.fixtures import judge
from v2g_bench.fixtures.requirements import read_requirements
from v2g_bench.qualification.responder_config import DANGEROUS_C
from v2g_bench.qualification.responder_line import PLANT_A
from v2g_bench.qualification.score import LIMIT_MS
from v2g_bench.rig.file.model import MAX_SOC_PCT, MIN_SOC_PCT, Judging, Thresholds
from v2g_bench.rig.measuring import power
from v2g_bench.rig.measuring.dangers import DANGERS
from v2g_bench.rig.parts.sync import SEEN_A

FOLDER = Path(__file__).parents[2] / "conformance"
REQUIREMENTS = read_requirements(FOLDER)
TESTED = {name: one for name, one in REQUIREMENTS.items() if not one.awaits}
# "at 25.5 %", "within 2 s": what must stand in a test. A bound alone ("4.1 V:") is between two of these.
STIMULI = re.compile(r"\b(?:at|within) (-?\d+(?:\.\d+)?) ?(?:%|°C|V|mV|s\b|kW)")
TIME_MS = re.compile(r"\b(\d+(?:\.\d+)?) ms\b")
OF_THE_RIG = re.compile(r"\b(judging|dut\.thresholds)(?:\.(\w+))?")


def judging_read_by(module: ModuleType) -> dict[str, set[str]]:
    """Function of a module -> the keys of `[judging]` that it reads."""
    functions = [one for one in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(one, ast.FunctionDef)]
    return {
        function.name: {
            one.attr
            for one in ast.walk(function)
            if isinstance(one, ast.Attribute) and ast.unparse(one.value).endswith((".judging", "self.limits"))
        }
        for function in functions
    }


CALLED = {
    f"{name}.{function}": keys
    for name, module in (("judge", judge), ("bench.power", power))
    for function, keys in judging_read_by(module).items()
}


class Asked:
    """Stands for `[judging]`, and keeps which of its keys are read."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    def __getattr__(self, key: str) -> float:
        self.keys.add(key)
        return math.nan


@dataclass
class Claim:
    """What the tests of one requirement write down."""

    numbers: set[float] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    below_ms: set[float] = field(default_factory=set)


def folded(node: ast.AST, known: dict[str, float]) -> float | None:
    """The number of an expression of numbers and of the module's constants; None where it is none."""
    match node:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Name(id=name):
            return known.get(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = folded(operand, known)
            return None if value is None else -value
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as operation, right=right):
            first, second = folded(left, known), folded(right, known)
            if first is None or second is None:
                return None
            return first + second if isinstance(operation, ast.Add) else first - second
    return None


def constants_of(module: ast.Module) -> tuple[dict[str, float], dict[str, ast.expr]]:
    """The module's constants that are numbers, and the expressions of all of them."""
    numbers, expressions = {}, {}
    for statement in module.body:
        if not isinstance(statement, ast.Assign):
            continue
        for target in statement.targets:
            pairs = [(target, statement.value)]
            if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
                pairs = list(zip(target.elts, statement.value.elts, strict=True))
            for name, value in pairs:
                if isinstance(name, ast.Name):
                    expressions[name.id] = value
                    if (number := folded(value, numbers)) is not None:
                        numbers[name.id] = number
    return numbers, expressions


def read(node: ast.AST, claim: Claim, numbers: dict[str, float], used: dict[str, ast.AST], seen: set[str]) -> None:
    """Everything in a test, and in what it uses of its module."""
    for one in ast.walk(node):
        if (number := folded(one, numbers)) is not None:
            claim.numbers.add(round(number, 9))
        if isinstance(one, ast.Attribute):
            claim.names |= {one.attr} | CALLED.get(ast.unparse(one), set())
            if ast.unparse(one) == "cells.isolating":
                read_dangers(claim)
        if isinstance(one, ast.keyword) and one.arg == "below_ms":
            limit_ms = folded(one.value, numbers)
            claim.below_ms |= set() if limit_ms is None else {limit_ms}
        if isinstance(one, ast.Name) and one.id in used and one.id not in seen:
            seen.add(one.id)
            read(used[one.id], claim, numbers, used, seen)


def read_dangers(claim: Claim) -> None:
    """Every limit of the dangers that isolate: of its own, or a key of `[judging]`."""
    for danger in DANGERS.values():
        if danger.limit_ms is not None:
            asked = Asked()
            limit_ms = danger.limit_ms(asked)  # type: ignore[arg-type]
            claim.names |= asked.keys
            claim.below_ms |= set() if asked.keys else {limit_ms}


def claims() -> dict[str, Claim]:
    """What is written down, by requirement."""
    found: dict[str, Claim] = {}
    for path in sorted(FOLDER.glob("*/test_*.py")):
        module = ast.parse(path.read_text("utf-8"))
        numbers, used = constants_of(module)
        functions = {one.name: one for one in module.body if isinstance(one, ast.FunctionDef)}
        for function in functions.values():
            wanted = [
                str(one.args[0].value)
                for one in function.decorator_list
                if isinstance(one, ast.Call) and ast.unparse(one.func) == "pytest.mark.req"
            ]
            for requirement in wanted:
                claim = found.setdefault(requirement, Claim())
                read(function, claim, numbers, {**used, **functions}, {function.name})
    return found


CLAIMS = claims()


def test_every_requirement_that_is_tested_is_read():
    assert set(CLAIMS) == set(TESTED)


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_a_time_that_a_test_judges_by_is_the_requirement_s(name):
    stated = {float(number) for number in TIME_MS.findall(REQUIREMENTS[name].limit)}
    assert CLAIMS[name].below_ms == stated


@pytest.mark.parametrize("name", sorted(TESTED))
def test_what_a_requirement_states_stands_in_its_tests(name):
    stated = {float(number) for number in STIMULI.findall(REQUIREMENTS[name].limit)}
    assert stated <= {abs(number) for number in CLAIMS[name].numbers}, REQUIREMENTS[name].limit


@pytest.mark.parametrize("name", sorted(TESTED))
def test_what_a_requirement_leaves_to_the_rig_is_a_key_of_the_rig_file_that_its_tests_read(name):
    for section, key in OF_THE_RIG.findall(REQUIREMENTS[name].limit):
        assert not key or key in (Judging if section == "judging" else Thresholds).model_fields
        assert (key or "thresholds") in CLAIMS[name].names


def test_the_window_of_the_limits_file_is_the_manual_s():
    assert f"MIN_SOC={MIN_SOC_PCT:g}:" in REQUIREMENTS["LIM-01"].limit
    assert f"MAX_SOC={MAX_SOC_PCT:g}:" in REQUIREMENTS["LIM-02"].limit


def test_a_bench_is_qualified_for_the_limit_that_it_judges_by():
    assert REQUIREMENTS["SAF-01"].limit == f"{LIMIT_MS:g} ms"


def test_what_is_dangerous_is_the_same_to_whoever_judges_it():
    """The tests, the campaigns' judge, the qualification's responder, and what the reference controller is built to."""
    reference = EmsThresholds()
    assert REQUIREMENTS["SAF-03"].limit == f"{TRIP_C:g} °C and {1000 * TRIP_STRINGS_V:g} mV are not above the limit"
    assert {TRIP_C, 1000 * TRIP_STRINGS_V} <= CLAIMS["SAF-03"].numbers
    assert (reference.trip_temperature_c, reference.trip_string_difference_v) == (TRIP_C, TRIP_STRINGS_V)
    assert DANGEROUS_C == TRIP_C


def test_the_responder_s_mark_is_as_high_as_the_bench_s():
    assert PLANT_A == SEEN_A


@pytest.mark.parametrize("name", ["EMC-02", "EMC-03", "SAF-01", "SAF-02", "SAF-05", "SAF-06"])
def test_isolated_is_what_the_requirement_calls_so(name):
    assert f"below {100 * Judging().isolation_fraction:g} % of its value before" in REQUIREMENTS[name].text
