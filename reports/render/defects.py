"""What the bench finds of seeded defects, as the evidence of tool qualification that a report shows.

`v2g-bench qualify --defects` leaves one matrix for each rig (`defects-RIG.json`); a run takes along those that this very
bench has made. Here they are worded: a table by check, and one line for each defect.
"""

from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.inputs.text import read_json
from v2g_bench.reports.model.verdicts import FAIL, PASS
from v2g_bench.reports.render import words

View = dict[str, Any]

# Outcome -> what it is called, and whether it is as it has to be.
OUTCOMES = {
    "killed": ("found", True),
    "passed": ("passed, as it has to", True),
    "partly": ("found under some seeds alone", False),
    "campaign": ("found by a campaign alone", False),
    "other": ("found for another reason", False),
    "survived": ("not found", False),
    "rejected": ("failed, and is sound", False),
}
HELD = ("PASS", "held", "NOT TESTED", "NOT APPLICABLE")
CHECKS = ("Check", "Defects", "Found", "Near misses passed", "Holes")
DEFECTS = ("Defect", "Broken", "Noticed by", "Failed as well", "In its words")


def seeded_defects(folder: Path, problems: list[str]) -> list[View]:
    """The matrices in a run folder, in the order of their names. problems: one line is added for each that is broken."""
    found = []
    for path in sorted(folder.glob("defects-*.json")):
        try:
            found.append(_matrix(read_json(path)))
        except BenchError as error:
            problems.append(f"{path.name}: {error.what}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problems.append(f"{path.name}: is no matrix of seeded defects: {type(error).__name__}: {error}")
    return found


def _matrix(data: View) -> View:
    tried = [one for one in data["defects"] if one["kind"] != "control"]
    controls = [one for one in data["defects"] if one["kind"] == "control"]
    sound = all(OUTCOMES[one["outcome"]][1] for one in data["defects"])
    verdict = PASS if tried and controls and sound else FAIL
    return {
        "rig": str(data["rig"]),
        "date": str(data["date"]),
        "verdict": verdict,
        "css": words.slug(verdict),
        "sentence": _sentence(tried, controls, str(data["seed"])),
        "check_columns": list(CHECKS),
        "checks": [_check(check, tried) for check in sorted({one["check"] for one in tried})],
        "columns": list(DEFECTS),
        "rows": [_row(one) for one in tried],
    }


def _sentence(tried: list[View], controls: list[View], seed: str) -> str:
    count = {outcome: sum(one["outcome"] == outcome for one in tried) for outcome in OUTCOMES}
    near = count["passed"] + count["rejected"]
    holes = [one["name"] for one in tried if not OUTCOMES[one["outcome"]][1]]
    passed = sum(one["outcome"] == "passed" for one in controls)
    parts = [
        f"{count['killed']} of {len(tried) - near} seeded defects were noticed by the check that has to notice them, for the "
        "reason that belongs to them",
        f"the unbroken controller passed {passed} of {len(controls)} control runs",
    ]
    if near:
        parts.insert(1, f"{count['passed']} of {near} near misses passed")
    return f"{'; '.join(parts)}. Seed {seed}. " + (f"Holes: {', '.join(holes)}." if holes else "No defect survived.")


def _check(check: str, tried: list[View]) -> list[str]:
    """One line of the table by check: how many defects it has to notice, and what came of them."""
    mine = [one["outcome"] for one in tried if one["check"] == check]
    near = mine.count("passed") + mine.count("rejected")
    holes = sum(not OUTCOMES[outcome][1] for outcome in mine)
    return [check, *map(str, (len(mine) - near, mine.count("killed"), mine.count("passed"), holes))]


def _row(one: View) -> list[str]:
    """One line of the table by defect."""
    also = sorted(check for check, verdict in one["tested"].items() if check != one["check"] and verdict not in HELD)
    word, good = OUTCOMES[one["outcome"]]
    noticed = one["check"] if one["outcome"] == "killed" else f"{one['check']}: {word if good else word.upper()}"
    message = one["said"] if "said" in one else one["message"]  # the word of older run folders
    return [one["name"], one["kind"], noticed, ", ".join(also) or "—", message or "—"]
