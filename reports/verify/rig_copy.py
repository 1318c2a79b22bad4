"""The run's copy of its rig file against all that its results take from it: grade, clock, thresholds, parts, claims.

The one check that reads a rig file, and so the one that imports the rig's model.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from v2g_bench.errors import BenchError
from v2g_bench.inputs.models import validated
from v2g_bench.inputs.text import read_text, read_toml, toml_of
from v2g_bench.reports.model.findings import DATABASE, Verification
from v2g_bench.reports.model.run import Instrument, Run
from v2g_bench.reports.model.verdicts import NOT_APPLICABLE
from v2g_bench.reports.verify.events import RECORDED
from v2g_bench.reports.verify.suite import code_of_tests
from v2g_bench.rig.file.model import Meter, Rig
from v2g_bench.rig.file.stated import clock_of, moved_figures, not_claimed, thresholds_of

_NEEDS = re.compile(r"^needs:\s*(\S+)", re.MULTILINE)


def check_rig(folder: Path, run: Run, result: Verification) -> None:
    """Add to `result` what results.json states otherwise than the rig file does."""
    copies = [path for path in sorted(folder.glob("*.toml")) if read_text(path) == run.rig_file_text]
    if not copies:
        result.wrong("rig", "results.json", "no file of the run is the rig file that it quotes")
        return
    name = copies[0].name
    try:
        rig = validated(Rig, toml_of(run.rig_file_text, name), name)
    except BenchError as error:
        if run.schema < RECORDED:
            result.impossible.append(f"{name} against the results: rig files were others then")
        else:
            result.wrong("rig", name, str(error))
        return
    wrong = [
        *_stated(folder, run, rig),
        *_claims(folder, run, rig),
        *_instruments(folder, run, rig),
        *_database(folder, run),
    ]
    for what, stated, there in wrong:
        result.wrong("rig", name, f"results.json says {what} {stated or 'nothing'}, the rig file {there or 'nothing'}")
    result.done.append(f"grade, clock, {len(run.thresholds)} thresholds, claims and parts against {name}")


def _stated(folder: Path, run: Run, rig: Rig) -> Iterator[tuple[str, str, str]]:
    """What, as stated in the results, as it is by the rig file: of those that differ."""
    command = " ".join(rig.dut.command) if rig.dut.kind in ("process", "ssh") else ""
    pairs = [
        ("rig", run.rig, rig.name),
        ("evidence", run.evidence, rig.evidence),
        ("clock", run.clock, clock_of(rig, run.host.get("kernel", ""))),
        ("place", run.place, rig.place),
        ("controller", run.controller.name, rig.dut.name),
        ("kind of the controller", run.controller.kind, rig.dut.kind),
        ("command", run.controller.command or (command if not run.instruments else ""), command),
    ]
    due = thresholds_of(rig)
    stated = {key: text for key, text in run.thresholds.items() if key != "database"}
    # Figures came later, and own values of the suite have moved since: of an older run, those that its rig file states.
    given = rig.dut.thresholds.model_fields_set | {f"judging.{key}" for key in rig.judging.model_fields_set}
    keys = due.keys() | stated.keys() if run.schema >= RECORDED else given & stated.keys()
    pairs += [(key, stated.get(key, ""), due.get(key, "")) for key in sorted(keys)]
    pics = {key: str(value) for key, value in rig.dut.supports.items()}
    pairs += [(f"supports {key}", run.pics.get(key, ""), pics.get(key, "")) for key in sorted(pics.keys() | run.pics)]
    yield from (pair for pair in pairs if pair[1] != pair[2])
    older = code_of_tests(folder) is None  # it states what it is judged by alone
    for one in moved_figures(rig):
        if older and not one.key.startswith(("[judging]", "[dut.thresholds]")):
            continue
        if not any(text.startswith(f"{one.key} = ") for text in run.deviations):
            yield "among its deviations of", "", f"{one.key}, which it moves"


def _claims(folder: Path, run: Run, rig: Rig) -> Iterator[tuple[str, str, str]]:
    for one in run.requirements:
        path = folder / "requirements" / f"{one.id}.md"
        needs = _NEEDS.search(path.read_text("utf-8")) if path.is_file() else None
        claim = not_claimed(rig.dut, one.id, needs[1] if needs else "")
        if one.not_applicable_reason != claim and (path.is_file() or one.not_applicable_reason.startswith("[dut] ")):
            yield f"that {one.id} is not claimed by", one.not_applicable_reason, claim
        if one.verdict == NOT_APPLICABLE and not one.not_applicable_reason:
            yield f"{one.id} is", one.verdict, "claims it"


def _instruments(folder: Path, run: Run, rig: Rig) -> Iterator[tuple[str, str, str]]:
    """The parts that were described when the rig was opened; none where it never was."""
    if not run.instruments:
        return
    stated = {one.part: one for one in run.instruments}
    meters = {f"meters.{name}": meter for name, meter in rig.meters.named().items()}
    parts = {*meters, "inverter"}
    if parts != set(stated) or len(stated) != len(run.instruments):
        yield "parts", ", ".join(sorted(stated)), ", ".join(sorted(parts))
        return
    emulated = rig.inverter.kind == "emulated"
    if stated["inverter"].emulated != emulated:
        yield "emulated inverter:", str(stated["inverter"].emulated), str(emulated)
    for part, meter in meters.items():
        one = stated[part]
        if (one.emulated, one.resource) != (meter.emulated, meter.resource):
            yield part, f"{one.resource}, emulated: {one.emulated}", f"{meter.resource}, emulated: {meter.emulated}"
        elif one.calibration_due:
            yield from _calibration(folder / "calibration" / f"{part.removeprefix('meters.')}.toml", one, meter)


def _calibration(path: Path, one: Instrument, meter: Meter) -> Iterator[tuple[str, str, str]]:
    """A calibration that counts has its record in the run, of this instrument."""
    if meter.emulated or meter.calibration is None or not path.is_file():
        yield f"{one.part} is calibrated until", one.calibration_due, "names no record that the run has"
        return
    record = read_toml(path)
    due = record.get("due")
    if not isinstance(due, date) or due.isoformat() != one.calibration_due:
        yield f"{one.part} is calibrated until", one.calibration_due, f"leads to a record that says {due}"
    if (serial := str(record.get("serial"))) not in one.identity:
        yield f"{one.part} is", one.identity, f"leads to a record of serial {serial}"


def _database(folder: Path, run: Run) -> Iterator[tuple[str, str, str]]:
    stated, path = run.thresholds.get("database", ""), folder / DATABASE
    if stated and path.is_file():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if not stated.endswith(f"SHA-256 {digest}"):
            yield "database", stated, f"goes with {DATABASE} of SHA-256 {digest}"
