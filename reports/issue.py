"""Issuing a report: a person gives it a number and a date, and signs it after the bench.

Only what was measured may be issued: a complete run on hardware, in real time, by the tests and a profile that ship with the
bench, which was qualified shortly before, with instruments whose calibration counted, that ended PASS or FAIL with every
requirement decided, that names the laboratory and its place, and that a key on the laboratory's list sealed when it ended.
Nothing in the run folder counts as that list (`sign.laboratory`).

The issued edition carries two signatures: the bench's, with the key that sealed the run, and the person's.

The edition before (unissued, or the one that is superseded) is kept whole under editions/, so that what changed can be
seen; a number is given once.
"""

import re
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from v2g_bench.errors import BenchError
from v2g_bench.inputs.folder import require_plain
from v2g_bench.reports.model.foreign import PROFILES, REFUSED, begins, digest_of
from v2g_bench.reports.model.modelled import refuse_modelled
from v2g_bench.reports.model.moment import moment_of
from v2g_bench.reports.model.run import Issue, Run, load
from v2g_bench.reports.model.verdicts import FAIL, NOT_TESTED, PASS, UNDECIDED
from v2g_bench.reports.sign.keys import fingerprint, name_of
from v2g_bench.reports.sign.laboratory import Laboratory
from v2g_bench.reports.sign.pades import signed_at
from v2g_bench.reports.sign.seal import seal, sealed_by
from v2g_bench.reports.sign.signer import Signer
from v2g_bench.reports.verify.run_folder import verify
from v2g_bench.reports.verify.suite import code_of_tests
from v2g_bench.reports.write import MANIFEST, PDF, RESULTS, SEAL, SUMS, write_report

# What a report has to state and only a person knows, with the clause of ISO/IEC 17025:2017.
DEMANDED = {
    "laboratory": "7.8.2.1 b",
    "address": "7.8.2.1 b",
    "place": "7.8.2.1 c",
    "customer": "7.8.2.1 e",
    "customer_address": "7.8.2.1 e",
    "item": "7.8.2.1 g",
    "item_condition": "7.8.2.1 g",
    "item_received": "7.8.2.1 h",
    "sampling": "7.8.2.1 k",
    "environment": "7.8.3.1 a",
}
CERTIFYING = ("hardware", "certification")  # the profiles that a report may be issued of
QUALIFIED_WITHIN_H = 24.0
SEALED_WITHIN_S = 3600.0  # of the run's end: its captures are exported and its report is written before
EDITIONS, UNISSUED = "editions", "unissued"
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def refusals(run: Run) -> list[str]:
    """Why this run may not be issued, one sentence each; empty where it may."""
    found = []
    if run.evidence != "hardware":
        found.append(f"its evidence is {run.evidence}: only what was measured on hardware may be issued")
    if run.clock != "real":
        found.append(f"its clock is {run.clock}: only what was measured in real time may be issued")
    found += [f"{i.part} is emulated" for i in run.instruments if i.emulated]
    found += [mark for mark in run.marks if "blocked" in mark]
    if run.developers:
        found.append("it is a developer's run (--dev)")
    found += _uncalibrated(run)
    found += _unqualified(run)
    stated = run.job | {"place": run.place}
    if unsaid := [f"{name} ({clause})" for name, clause in DEMANDED.items() if not stated.get(name, "").strip()]:
        found.append(
            f"it does not state: {', '.join(unsaid)}, of ISO/IEC 17025 (pytest --job=FILE; place in the rig file)"
        )
    if not run.complete:
        found.append(f"the run is incomplete: {run.incomplete_reason}")
    if run.verdict not in (PASS, FAIL):
        found.append(f"its verdict is {run.verdict}")
    undecided = [r.id for r in run.requirements if r.verdict in UNDECIDED and (r.mandatory or r.verdict != NOT_TESTED)]
    if undecided:
        found.append(f"undecided: {', '.join(undecided)}")
    found += [text for text in run.deviations if begins(text, REFUSED)]
    if run.profile is None or run.profile.id not in CERTIFYING:
        named = f"{run.profile.id} {run.profile.edition}" if run.profile else "none"
        found.append(f"its profile is {named}: only {' or '.join(CERTIFYING)}, as they ship, may be issued")
    elif run.profile.sha256 != digest_of(PROFILES / f"{run.profile.id}.toml"):
        found.append(f"its profile {run.profile.id} {run.profile.edition} is not the one that ships with this bench")
    if run.dirty:
        found.append("the bench ran from a source tree with changes that were not committed")
    return found


def issue(
    folder: Path,
    number: str,
    *,
    bench: Signer,
    person: Signer,
    keys: Laboratory,
    on: date | None = None,
    supersedes: str = "",
) -> Path:
    """Issue the run in `folder`; the path of the signed PDF. BenchError names all that speaks against it.

    bench: the key that sealed the run; person: who issues it; keys: the laboratory's list.
    """
    if not _NUMBER.fullmatch(number):
        raise BenchError("--report-number", f"cannot be a report's number: {number!r}", "letters, digits, . _ -")
    require_plain(folder)
    refuse_modelled(folder)
    run = load(folder / RESULTS)
    held = run.issue.number if run.issue else ""
    reasons = refusals(run) + _numbered(folder, number, held, supersedes)
    today = on or datetime.now(UTC).date()
    for valid in (bench.certificate, person.certificate):
        if not valid.not_valid_before_utc.date() <= today <= valid.not_valid_after_utc.date():
            reasons.append(f"the certificate of {name_of(valid)} is not valid on {today}")
    if code_of_tests(folder) is None:
        reasons.append("it kept no digests of its tests' code, so nobody can tell whether they were the shipped ones")
    reasons += _signed(folder, bench, person) + _sealed_in_time(folder, run, keys)
    if not reasons:
        result = verify(folder, keys=keys)
        reasons = [*map(str, result.findings), *result.impossible]
    if reasons:
        raise BenchError(str(folder), "may not be issued:\n  " + "\n  ".join(reasons))
    for signer in (bench, person):
        signer.sign(b"")  # a token that refuses must do so before anything is written
    _keep(folder, held or UNISSUED)
    who = name_of(person.certificate)
    issued = replace(run, issue=Issue(number=number, date=today.isoformat(), signer=who, supersedes=held))
    write_report(issued, folder)
    seal(folder, bench, person, reason=f"Issued as report {number}")
    return folder / PDF


def _numbered(folder: Path, number: str, held: str, supersedes: str) -> list[str]:
    """What speaks against this number. held: the one that the edition in the folder has; "" for none."""
    found = []
    if held and supersedes != held:
        found.append(f"it is issued already, as {held}: give a new number and --supersedes {held}")
    if supersedes and supersedes != held:
        found.append(f"it cannot supersede {supersedes}: it is {f'issued as {held}' if held else 'not issued yet'}")
    if number in {held, *_numbers(folder)}:
        found.append(f"the number {number} has been given")
    return found


def _signed(folder: Path, bench: Signer, person: Signer) -> list[str]:
    """The bench that sealed the run signs again, and the person's key is not the bench's."""
    own = fingerprint(bench.certificate)
    if own == fingerprint(person.certificate):
        return [
            "the bench's key and the signer's are the same: a report is issued by a person, with a key of their own"
        ]
    sealed = sealed_by(folder)
    if not sealed:
        return ["it is unsealed: a bench seals a run when it ends (pytest --seal-key=PEM, or V2G_BENCH_KEY)"]
    return (
        [] if sealed == own else [f"it was sealed by another key than {name_of(bench.certificate)}'s: {sealed[:23]}…"]
    )


def _sealed_in_time(folder: Path, run: Run, keys: Laboratory) -> list[str]:
    """The first seal is of a key on the list, and of the time at which the run ended."""
    first = folder / EDITIONS / UNISSUED
    first = first if first.is_dir() else folder
    if not (sealed := sealed_by(first)):
        return []  # said by `_signed`
    moment = signed_at((first / PDF).read_bytes())[0]
    late_s = (moment - _moment(run.ended)).total_seconds()
    found = [refused] if (refused := keys.refusal(sealed, moment.date())) else []
    if not -1 < late_s <= SEALED_WITHIN_S:
        found.append(f"it was sealed {late_s / 3600:.1f} h after its end: a run is sealed when it ends, not later")
    return found


def _uncalibrated(run: Run) -> list[str]:
    """The inverter is no measuring instrument of the bench; everything else that is real needs a calibration."""
    meters = [i for i in run.instruments if i.part.startswith("meters.") and not i.emulated]
    if not meters:
        return ["no measuring instrument is on record"]
    day = _moment(run.ended or run.started).date().isoformat()
    return [
        f"{i.part}: {i.calibration or 'no calibration'}" + (f", due {i.calibration_due}" if i.calibration_due else "")
        for i in meters
        if not i.calibration_due or i.calibration_due < day
    ]


def _unqualified(run: Run) -> list[str]:
    known = run.qualification
    if known is None:
        return ["the bench was not qualified before the run: v2g-bench qualify"]
    if known.verdict != PASS:
        return [f"the qualification of the bench ended {known.verdict}"]
    age_h = (_moment(run.started) - _moment(known.date)).total_seconds() / 3600
    if not 0 <= age_h <= QUALIFIED_WITHIN_H:
        return [f"the qualification of {known.date} is {age_h:.1f} h before the run, not 0 to {QUALIFIED_WITHIN_H:g} h"]
    return []


def _moment(text: str) -> datetime:
    return moment_of(text, "results.json")


def _numbers(folder: Path) -> set[str]:
    return {path.name for path in (folder / EDITIONS).glob("*")}


def _keep(folder: Path, name: str) -> None:
    """Put the edition that is about to be replaced aside: its content, and its signatures."""
    aside = folder / EDITIONS / name
    try:
        aside.mkdir(parents=True)
        for kept in (PDF, RESULTS, MANIFEST, SUMS, SEAL):
            if (folder / kept).is_file():
                shutil.copyfile(folder / kept, aside / kept)
    except OSError as error:
        raise BenchError(str(aside), f"the edition before cannot be kept: {error.strerror}") from error
