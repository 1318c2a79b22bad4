"""What a run wrote, as plain data: requirements, tests, measurements, trials, and everything an auditor asks about.

A verdict can be worse than what it stands over, never better: building a TestResult with a failed measurement makes the
test FAIL whatever was passed in, and so on up to `Run.verdict`. A file in which they disagree is refused by `load`.

>>> test = TestResult(nodeid="t", verdict="PASS", measurements=[Measurement(name="m", verdict="FAIL", value=61.0)])
>>> test.verdict
'FAIL'
>>> Requirement(id="SAF-01", title="hot cell isolates", tests=[test]).verdict
'FAIL'
>>> Requirement(id="SAF-02", title="nobody tested it").verdict
'NOT TESTED'
"""

import json
import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, ClassVar

from v2g_bench.errors import BenchError
from v2g_bench.evidence.record import Evidence, Kind
from v2g_bench.inputs.ranges import ANYTHING, Within
from v2g_bench.inputs.text import json_of, read_text
from v2g_bench.reports.model.files import write_atomic
from v2g_bench.reports.model.stored import build, plain
from v2g_bench.reports.model.text import joined_list, joined_object, text_of
from v2g_bench.reports.model.verdicts import (
    ERROR,
    INCONCLUSIVE,
    NOT_APPLICABLE,
    NOT_TESTED,
    PASS,
    VERDICTS,
    member,
    no_better,
    worst,
)
from v2g_bench.reports.model.versions import READABLE, SCHEMA, as_written, basis_kind, completed, lacking

Real = Annotated[float, ANYTHING]
Spread = Annotated[float, Within(0, math.inf)]
Coverage = Annotated[float, Within(0, 1000, over=True)]  # one degree of freedom and 99.9 %: 637
Place = Annotated[int, Within(0, 2**53)]
EVIDENCE = ("simulated", "emulated", "hardware")
CLOCKS = ("real", "virtual")
DEVELOPERS = "developer's run (--dev): no certificate, whatever its verdict"  # among a run's marks
SOURCES = "sources of "  # how the name of a comparison begins: of who shows one quantity, beside what a test is about


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One repetition. index: its place among those that are judged, attempt: the try at it, both from 1.

    value and expanded (U) are in the measurement's unit, None when the trial has none; t0_s and t1_s are on the bench
    clock; waveform is a .npz relative to the run folder (see `record.load_record`), and evidence what its value was
    computed from, beside the waveform.
    """

    index: Place
    attempt: Place = 1
    value: Real | None = None
    expanded: Spread | None = None
    void: bool = False
    void_reason: str = ""
    t0_s: Real | None = None
    t0_source: str = ""
    t1_s: Real | None = None
    phase_s: Real | None = None
    waveform: str | None = None
    note: str = ""
    evidence: Evidence | None = None


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One measured quantity. value, expanded (U = k·u) and the limits are in `unit`; p_conform is 0..1.

    evidence: what it was computed from, where that is no waveform: that of a waveform stands with its trial. basis: the
    same in a run of schema 2 (`versions`), JSON text as it was written. A PASS without a value, or with void trials alone,
    is made INCONCLUSIVE: nothing was measured.
    """

    name: str
    quantity: str = ""
    value: Real | None = None
    unit: str = ""
    expanded: Spread | None = None
    k: Coverage | None = None
    limit_low: Real | None = None
    limit_high: Real | None = None
    limit_text: str = ""
    rule: str = ""
    p_conform: Annotated[float, Within(0, 1)] | None = None
    verdict: str = ""
    statement: str = ""
    trials: list[Trial] = field(default_factory=list)
    claim: str = ""
    basis: str = ""
    evidence: Evidence | None = None

    @property
    def kind(self) -> str:
        """What it was computed from, by one word (`evidence.record.Kind`); "" where it does not say."""
        if any(trial.t0_s is not None for trial in self.trials):
            return str(Kind.LATENCY)
        kinds = [one.kind for one in (self.evidence, *(trial.evidence for trial in self.trials)) if one is not None]
        return kinds[0] if kinds else basis_kind(self.basis)

    def __post_init__(self) -> None:
        nothing = self.value is None or (bool(self.trials) and all(trial.void for trial in self.trials))
        own = self.verdict or INCONCLUSIVE
        _harden(self, worst([own, INCONCLUSIVE]) if own == PASS and nothing else own)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What one trial drew of its world: name -> text with its unit. index, attempt: the trial's, from 1."""

    index: Place
    attempt: Place = 1
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One state with one danger. world: the power, SoC and temperature at which it was shown to the controller.

    verdict: "" where the run did not show it; result: what was found, in a word or two; reason: of any verdict but PASS.
    """

    state: str
    danger: str
    world: str = ""
    verdict: str = ""
    result: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class TestResult:
    """One test (one parameter set). Its verdict is never better than the worst of its measurements.

    aside: waveforms that were recorded in it and that no measurement holds: of a void cell, of a failure that was the bench's.
    """

    __test__ = False  # pytest must not take this for a test class

    nodeid: str
    title: str = ""
    verdict: str = ""
    reason: str = ""
    duration_s: Annotated[float, Within(0, 1e9)] = 0.0
    measurements: list[Measurement] = field(default_factory=list)
    drawn: list[Drawn] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    log: str = ""

    def __post_init__(self) -> None:
        _harden(self, no_better(self.verdict, [m.verdict for m in self.measurements]))


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One testable statement and what was found. statement: one line for the table.

    NOT APPLICABLE needs its reason (the claim of the PICS, quoted); without one it is INCONCLUSIVE. A requirement
    without tests is NOT TESTED, and so is one that has passed in a part of them: left_out holds the others' nodeids.
    mandatory: whether the rig's profile demands it; what it does not demand may be left untested.
    """

    id: str
    title: str
    mandatory: bool = True
    family: str = ""
    source: str = ""
    limit: str = ""
    method: str = ""
    text: str = ""
    text_sha256: str = ""
    verdict: str = ""
    statement: str = ""
    not_applicable_reason: str = ""
    tests: list[TestResult] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        found = [test.verdict for test in self.tests]
        if self.verdict == NOT_APPLICABLE or (found and set(found) == {NOT_APPLICABLE}):
            own = NOT_APPLICABLE if self.not_applicable_reason.strip() else INCONCLUSIVE
        else:
            own = no_better(self.verdict or worst(found or [NOT_TESTED]), found or [NOT_TESTED])
        judged = [verdict for verdict in found if verdict != NOT_APPLICABLE]
        if own == NOT_APPLICABLE and judged:
            own = worst(judged)
        _harden(self, NOT_TESTED if own == PASS and self.left_out else own)


@dataclass(frozen=True, kw_only=True)
class Controller:
    """The device under test."""

    name: str
    version: str = ""
    sha256: str = ""
    kind: str = ""
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """One instrument: its function on the rig, the identity that it reports, where, and under which calibration.

    calibration_due: the last day (ISO) on which the calibration counts; "" where there is none that counts.
    """

    part: str
    identity: str = ""
    resource: str = ""
    emulated: bool = True
    calibration: str = ""
    calibration_due: str = ""


@dataclass(frozen=True, kw_only=True)
class BudgetRow:
    """One component: standard uncertainty u, sensitivity, contribution = |sensitivity|·u in the budget's unit."""

    name: str
    distribution: str = ""
    u: Spread = 0.0
    sensitivity: Real = 1.0
    contribution: Spread = 0.0
    dof: Spread = float("inf")
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class BudgetTable:
    """One uncertainty budget with its combined u, effective degrees of freedom, k and expanded U (all in unit)."""

    title: str
    unit: str
    rows: list[BudgetRow] = field(default_factory=list)
    u: Spread = 0.0
    dof: Spread = float("inf")
    k: Coverage = 2.0
    expanded: Spread = 0.0


@dataclass(frozen=True, kw_only=True)
class Qualification:
    """What the bench measured of itself before it judged others. rows: one mapping of column title to text each."""

    date: str
    verdict: str
    text: str = ""
    rows: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        member("Qualification.verdict", self.verdict, VERDICTS)


@dataclass(frozen=True, kw_only=True)
class Issue:
    """Who issued the report: its number, the ISO date, the signer's name, and the number of the one it replaces."""

    number: str
    date: str
    signer: str
    supersedes: str = ""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What the run was held against: which requirements are mandatory, with how many trials; sha256: of its file."""

    id: str
    edition: str
    sha256: str = ""

    @property
    def name(self) -> str:
        return f"{self.id} {self.edition}"


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that one run wrote. started and ended are ISO 8601 in UTC; evidence and clock decide the grade.

    job: what the laboratory knows of its order (customer, environment, condition of the item, …), in its own words.
    chain: the head of the chain of records when these results were made (`chain.published`).
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # of all that a run holds

    schema: Place = SCHEMA
    title: str
    started: str
    ended: str = ""
    complete: bool = False
    incomplete_reason: str = ""
    rig: str
    rig_file_text: str = ""
    profile: Profile | None = None
    evidence: str
    clock: str
    marks: list[str] = field(default_factory=list)
    bench_version: str = ""
    commit: str = ""
    dirty: bool = False
    lock_sha256: str = ""
    controller: Controller
    instruments: list[Instrument] = field(default_factory=list)
    host: dict[str, str] = field(default_factory=dict)
    seed: Annotated[int, Within(-(2**63), 2**64)] = 0
    thresholds: dict[str, str] = field(default_factory=dict)
    pics: dict[str, str] = field(default_factory=dict)
    requirements: list[Requirement] = field(default_factory=list)
    budgets: list[BudgetTable] = field(default_factory=list)
    qualification: Qualification | None = None
    decision_rule: str = ""
    operator: str = ""
    place: str = ""
    job: dict[str, str] = field(default_factory=dict)
    deviations: list[str] = field(default_factory=list)
    voids: Place = 0
    trials: Place = 0
    exit_status: Annotated[int, Within(-255, 255)] = 0
    chain: str = ""
    issue: Issue | None = None

    def __post_init__(self) -> None:
        member("Run.evidence", self.evidence, EVIDENCE)
        member("Run.clock", self.clock, CLOCKS)

    @property
    def developers(self) -> bool:
        """Whether it was made with `--dev`: it can be no certificate, whatever its verdict."""
        return DEVELOPERS in self.marks

    @property
    def verdict(self) -> str:
        """The worst of the requirements; never PASS for a run that is incomplete, tested nothing or ended in error.

        What the profile does not demand may be untested, as long as something was tested.
        """
        judged = [one for one in self.requirements if one.verdict not in (NOT_TESTED, NOT_APPLICABLE)]
        untested = [one for one in self.requirements if one.verdict == NOT_TESTED and (one.mandatory or not judged)]
        found = worst(one.verdict for one in [*judged, *untested])
        if not self.complete and found in (PASS, NOT_TESTED):
            return INCONCLUSIVE
        return ERROR if found == PASS and self.exit_status != 0 else found


class Texts:
    """The JSON texts of tests that are over, for who writes a run again and again while it grows."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[TestResult, str]] = {}

    def of(self, test: TestResult, schema: int, *, ascii_only: bool) -> str:
        """The text of one test, as it stands in the file."""
        known = self._kept.get(id(test))
        if known is None or ascii_only:
            known = test, text_of(as_written(plain(test), schema), 4, ascii_only=ascii_only)
            if not ascii_only:
                self._kept[id(test)] = known  # which holds the test, so that its id stays its own
        return known[1]


def dumps(run: Run, texts: Texts | None = None) -> bytes:
    """The run as JSON, UTF-8, the same bytes for the same run. Adds the computed verdict for other readers."""
    texts = texts or Texts()
    try:
        return _text(run, texts, ascii_only=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair in a log: only the escaped form can carry it
        return _text(run, texts, ascii_only=True).encode()


def _text(run: Run, texts: Texts, *, ascii_only: bool) -> str:
    def parts(item: Run | Requirement, depth: int, name: str, texts_of_it: list[str]) -> dict[str, str]:
        """The fields that this version has as texts, in their order; the one of this name is a list of these."""
        lacks = lacking(type(item).__name__.lower(), run.schema)
        made = plain(item, without=[name, *lacks])
        texts_of = {key: text_of(value, depth, ascii_only=ascii_only) for key, value in made.items()}
        rest = {name: joined_list(texts_of_it, depth)}
        return {one.name: (texts_of | rest)[one.name] for one in fields(item) if one.name not in lacks}

    requirements = []
    for one in run.requirements:
        tests = [texts.of(test, run.schema, ascii_only=ascii_only) for test in one.tests]
        requirements.append(joined_object(parts(one, 3, "tests", tests), 2))
    head = {"schema": str(run.schema), "verdict": json.dumps(run.verdict)}
    return joined_object(head | parts(run, 1, "requirements", requirements), 0) + "\n"


def dump(run: Run, path: Path, texts: Texts | None = None) -> None:
    """Write results.json so that a reader sees the old file or the whole new one."""
    write_atomic(path, dumps(run, texts))


def load(path: Path) -> Run:
    """Read a results.json. BenchError names the key that is unknown, missing, of the wrong type or contradictory."""
    where = str(path)
    data = json_of(read_text(path), where, "was the run killed while it wrote?")
    if not isinstance(data, dict):
        raise BenchError(where, f"expected an object, found {type(data).__name__}")
    if data.get("schema") not in READABLE:
        known = f"{', '.join(map(str, READABLE[:-1]))} and {READABLE[-1]}"
        raise BenchError(f"{where}: schema", f"is {data.get('schema')!r}, this version reads {known}")
    stated = data.pop("verdict", None)
    completed(data, where)
    run = build(Run, data, where)
    if stated != run.verdict:
        raise BenchError(f"{where}: verdict", f"says {stated!r}, its content says {run.verdict!r}")
    return run


def _harden(item: object, verdict: str) -> None:
    object.__setattr__(item, "verdict", member(f"{type(item).__name__}.verdict", verdict, VERDICTS))
