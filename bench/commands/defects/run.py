"""Runs seeded defects against their checks, and the unbroken controller against all of them.

Each defect is a certification or a campaign in processes of its own, as a user starts it, so that no defect can leak
into the next one. A controller is found where the suite finds it (`suite`), under each of several seeds. What came of it:

    killed       the check failed, in the words that belong to this defect (and no other, where it breaks one alone)
    partly       the same, under some of the seeds
    other        something failed, but not the check, or not for the reason
    campaign     the suite has not found it; a campaign over the controller's core does
    survived     everything passed: the bench has a hole
    passed       a near miss that passed, as it has to;  rejected: one that did not
"""

import itertools
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from v2g_bench.commands.defects.process import Done, run
from v2g_bench.commands.defects.suite import Certified, attempts, in_words
from v2g_bench.commands.reports import NO_EVIDENCE
from v2g_bench.commands.requirements import read_claims
from v2g_bench.errors import BenchError
from v2g_bench.fixtures.defects.plugin import SEEDED
from v2g_bench.fixtures.requirements import read_requirements
from v2g_bench.metrology.verdict import Verdict, worst
from v2g_bench.qualification.defects.catalogue import CATALOGUE, Defect

PLUGIN = "v2g_bench.fixtures.defects.plugin"
PLAIN = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--assert=plain")  # what takes longer than many a test
BOUND_S = 3600.0  # the whole suite on a busy machine
SCENARIOS = {"shutdown": 150, "fallbacks": 40, "frozen": 20}
KILLED, OTHER, SURVIVED, PASSED, REJECTED = "killed", "other", "survived", "passed", "rejected"
PARTLY, CAMPAIGN = "partly", "campaign"
GOOD = (KILLED, PASSED)
FITS = (0, NO_EVIDENCE)  # of `verify`: a run of this kind is not sealed
SOUND = {"held", *(str(verdict) for verdict in Verdict if verdict.ok)}


@dataclass(frozen=True)
class Found:
    """The bench's result for one defect. tested: check -> verdict of everything that ran last.

    found_in, of: seeds, where it was tried with several; seconds: how long that took.
    """

    name: str
    kind: str
    check: str
    outcome: str
    tested: dict[str, str]
    message: str
    found_in: int = 0
    of: int = 0
    by: str = ""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        return self.outcome in GOOD


@dataclass(frozen=True)
class Bench:
    """Where and how it is run. rig: name or path; suite: the folder of the conformance tests; seeds: so many from `seed` on."""

    rig: str
    suite: Path
    trials: int = 2
    seed: int = 1
    seeds: int = 1

    @property
    def simulated(self) -> bool:
        from v2g_bench.rig.file.load import load_rig

        return load_rig(self.rig).rig.simulated


def chosen(bench: Bench, words: Iterable[str] = ()) -> list[Defect]:
    """The defects that this rig can show: all on a simulation, the chosen part elsewhere; by words in kind or name."""
    wanted = list(words)
    return [
        defect
        for defect in CATALOGUE
        if (bench.simulated or defect.emulated)
        and (not wanted or any(word in f"{defect.kind} {defect.name}" for word in wanted))
    ]


def run_all(bench: Bench, defects: list[Defect], workers: int, show: Callable[[Found], None]) -> list[Found]:
    """Each defect's outcome, in the order of the catalogue; the control runs come first."""
    jobs: list[Callable[[], Found]] = [lambda one=one: control(bench, *one) for one in controls(defects)]  # type: ignore[misc]
    jobs += [lambda defect=defect: try_out(bench, defect) for defect in defects]  # type: ignore[misc]
    found = []
    with ThreadPoolExecutor(workers if bench.simulated else 1) as pool:
        try:
            for one in pool.map(lambda job: job(), jobs):
                found.append(one)
                show(one)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return found


def controls(defects: list[Defect]) -> list[tuple[str, str]]:
    """(check, tests) that the unbroken controller has to pass: everything that any of the defects is tried with."""
    tests = sorted({defect.tests for defect in defects})
    campaigns = sorted({defect.campaign.partition(":")[0] for defect in defects if defect.campaign})
    everything = "" if "" in tests else " or ".join(f"({one})" for one in tests)
    return [("certification", everything), *((f"campaign {campaign}", "") for campaign in campaigns)]


def control(bench: Bench, check: str, tests: str) -> Found:
    """The controller without defects on the bench without defects."""
    campaign = check.removeprefix("campaign ") if check.startswith("campaign") else ""
    sound = Defect(f"control: {check}", "controller", check, "PASS", "", tests, campaign=campaign)
    tested, message, fits = _campaign(bench, sound) if campaign else _certify(bench, sound, True)
    good = fits and bool(tested) and set(tested.values()) <= SOUND
    return Found(sound.name, "control", check, PASSED if good else REJECTED, tested, _short(message, ""))


def try_out(bench: Bench, defect: Defect) -> Found:
    """One defect."""
    if defect.of_the_suite:
        return in_the_suite(bench, defect)
    tested, message, fits = _certify(bench, defect, defect.check == "verify")
    right = re.search(defect.reason, message, re.DOTALL) is not None if defect.reason else True
    if defect.near_miss:
        outcome = PASSED if tested.get(defect.check) == "PASS" else REJECTED
    elif defect.check == "verify":
        outcome = (KILLED if right else OTHER) if not fits else SURVIVED
    elif tested.get(defect.check) == defect.verdict:
        blamed = {check for check, verdict in tested.items() if verdict in ("FAIL", "ERROR")} - {defect.check}
        outcome = KILLED if right and not (defect.alone and blamed) else OTHER
    else:
        outcome = SURVIVED if tested and set(tested.values()) <= SOUND else OTHER
    return Found(defect.name, defect.kind, defect.check, outcome, tested, _short(message, defect.reason))


def in_the_suite(bench: Bench, defect: Defect) -> Found:
    """A broken controller: what the suite finds under each seed; a campaign over its core where it finds nothing."""

    def certify(defect: Defect, seed: int, whole: bool) -> Certified:
        return Certified(*_certify(replace(bench, seed=seed), defect, False, whole=whole)[:2])

    began_s = time.monotonic()
    tried = attempts(certify, defect, range(bench.seed, bench.seed + bench.seeds))
    found = [one for one in tried if one.found]
    last = found[-1] if found else tried[-1]
    message, outcome = last.certified.message, KILLED if len(found) == len(tried) else PARTLY
    if not found:
        sound = last.certified.tested and set(last.certified.tested.values()) <= SOUND
        outcome = SURVIVED if sound else OTHER
        if defect.campaign and _campaign(bench, defect)[0].get(defect.campaign) == "failed":
            outcome = CAMPAIGN
    elif not all(one.right and not one.blamed for one in found):
        outcome = OTHER
    return Found(
        defect.name,
        defect.kind,
        defect.check,
        outcome,
        last.certified.tested,
        f"{in_words(tried)}: {_short(message, defect.reason)}",
        found_in=len(found),
        of=len(tried),
        by=last.by,
        seconds=round(time.monotonic() - began_s, 1),
    )


def _short(message: str, reason: str) -> str:
    found = re.search(reason, message, re.DOTALL) if reason else None
    start = max(0, found.start() - 60) if found else 0
    words = message[start : start + 240].split()
    # From a whole word on, and without where on this machine a file lies.
    return " ".join(re.sub(r"(?<!\S)/\S*/", "", word) for word in words[1 if start and len(words) > 1 else 0 :])


def _campaign(bench: Bench, defect: Defect) -> tuple[dict[str, str], str, bool]:
    """ "CAMPAIGN: INVARIANT" -> "failed" where the campaign broke it; what it said first, and whether nothing was broken."""
    name = defect.campaign.partition(":")[0]
    with tempfile.TemporaryDirectory(prefix="v2g-defect-") as folder:
        out = Path(folder) / "out"
        command = ["v2g-bench", "campaign", name, f"--trials={SCENARIOS[name]}", f"--out={out}"]
        command += ["--no-shrink", f"--seed={bench.seed}", *([f"--core={defect.reference}"] if defect.core else [])]
        output = _run(bench, command, {}, Path(folder)).output
        try:
            summary = json.loads((out / "summary.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}, output, False
    broken = summary["by_invariant"]
    tested = {f"{name}: {invariant}": "failed" for invariant in broken} or {f"{name}: all": "held"}
    return tested, "; ".join(f"{name}: {text}" for name, text in summary["first"].items()), not broken


def _certify(bench: Bench, defect: Defect, verified: bool, *, whole: bool = False) -> tuple[dict[str, str], str, bool]:
    """Requirement -> verdict, the output, and whether the evidence verifies (True where that is not asked).

    whole: the whole suite, and not the tests that are related to the defect.
    """
    with tempfile.TemporaryDirectory(prefix="v2g-defect-") as folder:
        reports = Path(folder) / "reports"
        command = ["pytest", f"--rig={_rig(bench, defect, Path(folder))}", f"--reports={reports}"]
        command += [
            f"--trials={max(bench.trials, defect.trials)}",
            f"--seed={bench.seed}",
            "--no-qualify",
            "-q",
            "-p",
            PLUGIN,
        ]
        command += [*PLAIN, *([str(bench.suite)] if whole else _selection(bench.suite, defect))]
        sick = json.dumps({"parts": [list(one) for one in defect.parts], "bench": defect.bench})
        output = _run(bench, command, {SEEDED: sick}, Path(folder)).output
        runs = sorted(reports.glob("*/results.json"))
        if len(runs) != 1:
            return {}, output, False
        results = json.loads(runs[0].read_text("utf-8"))
        # Of the tests that were selected: a requirement that was not tested as a whole has no verdict of its own.
        tested = {
            one["id"]: str(worst(Verdict(test["verdict"]) for test in one["tests"]))
            for one in results["requirements"]
            if one["tests"]
        }
        reasons = {one["id"]: [test["reason"] for test in one["tests"]] for one in results["requirements"]}
        message = "\n".join(reasons.get(defect.check) or itertools.chain.from_iterable(reasons.values()))
        if not verified:
            return tested, message, True
        if defect.tamper:
            _tamper(runs[0].parent, defect.tamper)
        done = _run(bench, ["v2g-bench", "verify", str(runs[0].parent)], {}, Path(folder))
        return tested, done.output, done.status in FITS


def _selection(suite: Path, defect: Defect) -> list[str]:
    """What pytest is to run: the chosen tests; else all files that have a test of the requirement; else everything."""
    if defect.tests:
        return ["-k", defect.tests, str(suite)]
    claims = read_claims(suite, read_requirements(suite)).get(defect.check, [])
    return list(dict.fromkeys(claim.partition("::")[0] for claim in claims)) or [str(suite)]


def _rig(bench: Bench, defect: Defect, folder: Path) -> str:
    """The rig, or a copy of it that starts the broken controller."""
    from v2g_bench.rig.file.load import load_rig

    if not defect.core:
        return bench.rig
    loaded = load_rig(bench.rig)
    if re.search(r"^command\s*=", loaded.text, re.MULTILINE):
        raise BenchError(
            str(loaded.path), "has a controller of its own", "seeded defects are of the reference controller"
        )
    command = json.dumps(["v2g-daemon", "--config", "{config}", "--core", defect.reference])
    text = re.sub(r"^\[dut\]$", lambda _: f"[dut]\ncommand = {command}", loaded.text, count=1, flags=re.MULTILINE)
    path = folder / f"{loaded.rig.name}.toml"
    path.write_text(text, "utf-8")
    return str(path)


def _tamper(folder: Path, what: str) -> None:
    """Change one byte of the evidence, as somebody who wants another verdict would; the file can still be read."""
    path = folder / what
    if path.is_dir():
        path = sorted(path.iterdir())[0]
    data = bytearray(path.read_bytes())
    place = data.index(b'"PASS"') + 1 if what == "results.json" else len(data) // 2
    data[place] ^= 0x01
    path.write_bytes(data)


def _run(bench: Bench, command: list[str], env: dict[str, str], folder: Path) -> Done:
    done = run(command, env, folder, BOUND_S, warm=bench.simulated)
    return done if done.status is not None else Done(None, f"no end within {BOUND_S:g} s")


def matrix(found: list[Found]) -> dict[str, Any]:
    """The result as plain data: what was seen of each defect, the counts, and the survivors by name."""
    tried = [one for one in found if one.kind != "control"]
    return {
        "defects": [vars(one) for one in found],
        "count": len(tried),
        "killed": sum(one.outcome == KILLED for one in tried),
        "partly": {one.name: f"{one.found_in} of {one.of} seeds" for one in tried if one.outcome == PARTLY},
        "by_a_campaign_alone": [one.name for one in tried if one.outcome == CAMPAIGN],
        "near_misses_passed": sum(one.outcome == PASSED for one in tried),
        "survivors": [one.name for one in tried if one.outcome == SURVIVED],
        "for_another_reason": [one.name for one in tried if one.outcome == OTHER],
        "rejected": [one.name for one in found if one.outcome == REJECTED],
        "verdict": "PASS" if found and all(one.good for one in found) else "FAIL",
    }
