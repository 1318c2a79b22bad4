"""The qualification that a run quotes against the file that it kept, this against its own trials, and both against the run."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.inputs.text import read_json
from v2g_bench.qualification.score import Outcome, score
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.moment import moment_of
from v2g_bench.reports.model.run import Qualification, Run
from v2g_bench.reports.verify.events import RECORDED

MAX_AGE_H = 24.0


def check_qualification(folder: Path, run: Run, result: Verification) -> None:
    """Add to `result` what does not fit."""
    name = f"qualification/{run.rig}.json"
    path = folder / name
    if run.qualification is None:
        if path.is_file():
            result.wrong("qualified", name, "is here, and results.json says that the bench was not qualified")
        return
    if not path.is_file():
        result.wrong("qualified", name, "is not here, and results.json quotes it")
        return
    try:
        kept = read_json(path)
        _quoted(kept, run.qualification, name, result)
        _of_this_run(kept, run, name, result)
        if run.schema < RECORDED:
            result.impossible.append(f"the table of {name} against its trials: it may be of an older form")
        else:
            _own_trials(kept, name, result)
    except (BenchError, AttributeError, TypeError, ValueError, LookupError) as error:
        result.wrong("qualified", name, f"is no qualification: {error}")
        return
    result.done.append(f"the qualification of {run.qualification.date} against {name}")


def _quoted(kept: dict[str, Any], stated: Qualification, name: str, result: Verification) -> None:
    text = ". ".join([f"{kept['text']}; truth: {kept['truth']}", *kept["floor"]])
    pairs = {"date": kept["date"], "verdict": kept["verdict"], "text": text, "rows": kept["rows"]}
    for key, there in pairs.items():
        if getattr(stated, key) != there:
            result.wrong("qualified", name, f"has another {key} than results.json quotes")


def _of_this_run(kept: dict[str, Any], run: Run, name: str, result: Verification) -> None:
    """Of the same rig file, bench and machine, and of the day before the run: what the bench asks for before it certifies."""
    if kept["rig"] != run.rig or kept["rig_sha256"] != hashlib.sha256(run.rig_file_text.encode()).hexdigest():
        result.wrong("qualified", name, "is of another rig file")
    if kept["bench"]["version"] != run.bench_version:
        result.wrong("qualified", name, f"is of version {kept['bench']['version']} of the bench")
    kernel = run.host.get("kernel", "").partition(",")[0]
    processor, _, count = run.host.get("machine", "").partition(", ")
    machine = f"{run.host.get('host', '')}, {kernel}, {processor}, {count.partition(' ')[0]} CPUs"
    if kept["bench"]["machine"] != machine:
        result.wrong("qualified", name, f"is of the machine {kept['bench']['machine']!r}, the run of {machine!r}")
    if kept["stamps"] != (stamps := run.host.get("frames stamped by", "")):
        result.wrong("qualified", name, f"has frames stamped by {kept['stamps']!r}, the run by {stamps!r}")
    age_h = (_moment(run.started) - _moment(kept["date"])).total_seconds() / 3600
    if not 0 <= age_h <= MAX_AGE_H:
        result.wrong("qualified", name, f"was made {age_h:.1f} h before the run, not 0 to {MAX_AGE_H:g} h")


def _own_trials(kept: dict[str, Any], name: str, result: Verification) -> None:
    """Verdict and table follow from the trials."""
    outcomes = [Outcome(**one) for one in kept["outcomes"]]
    found = score(outcomes, wanted=0)
    rows = [row.as_text() for row in (*found.rows, found.total)]
    if not outcomes or rows != kept["rows"]:
        result.wrong("qualified", name, f"has a table that does not follow from its {len(outcomes)} trials")
    if kept["verdict"] == "PASS" and found.verdict != "PASS":
        result.wrong("qualified", name, f"says PASS; by its trials it is {found.verdict}: {found.text}")


def _moment(text: str) -> datetime:
    return moment_of(text, "qualification")
