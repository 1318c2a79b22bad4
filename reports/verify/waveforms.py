"""The waveforms of a run: each is one trial's, each has a whole time base, and the current on the bus fits it.

A piece that was cut out of a waveform moves all behind it forwards. The battery's own current does not move with it: it stands
in the capture, and an emulated battery's is at the most one cycle of its message old.
"""

import math
import re
from collections import Counter
from pathlib import Path

import numpy as np

from v2g_bench.errors import BenchError
from v2g_bench.evidence.capture import CaptureSearch
from v2g_bench.evidence.record import Evidence
from v2g_bench.reports.model.findings import CAPTURE, DATABASE, ROLES, Verification
from v2g_bench.reports.model.run import Run, Trial
from v2g_bench.reports.verify.events import RECORDED, results_of
from v2g_bench.reports.verify.waveform_file import WaveformFile

ROLE, LATE_S = "pack_current", 0.005  # what a frame may be late in the capture
SAME_SHARE, SAME_A = 0.15, 1.0  # the battery's sensor against the digitizer
_NUMBERED = re.compile(r"waveforms/(\d{4,})\.npz")


def check_waveforms(folder: Path, run: Run, result: Verification) -> None:
    """Add to `result` what does not fit."""
    tests = results_of(run)
    trials = [
        (f"{test.nodeid} trial {trial.index}.{trial.attempt} ({trial.waveform})", trial)
        for test in tests
        for m in test.measurements
        for trial in m.trials
        if trial.waveform
    ]
    named = Counter(str(trial.waveform) for _, trial in trials)
    aside = {name for test in tests for name in test.aside}
    _files(folder, named, aside, run, result)
    held = []
    for where, trial in trials:
        try:
            file = WaveformFile.load(folder, trial.waveform or "")
            _time_base(file, trial, where, result)
            held.append((where, trial, file))
        except (BenchError, ValueError, TypeError) as error:
            result.wrong("waveform", where, f"cannot be read: {error}")
    if all((folder / name).is_file() for name in (CAPTURE, DATABASE, ROLES)):
        _current(folder, held, run, result)


def _files(folder: Path, named: Counter[str], aside: set[str], run: Run, result: Verification) -> None:
    """Each file is of one trial, or was set aside; none is missing in their numbers."""
    there = {path.relative_to(folder).as_posix() for path in (folder / "waveforms").glob("*")}
    for name in sorted(name for name, count in named.items() if count > 1):
        result.wrong("waveform", name, f"is that of {named[name]} trials")
    unnamed = sorted(there - named.keys() - aside)
    if run.schema < RECORDED and unnamed:
        result.impossible.append(f"{len(unnamed)} waveforms against trials: what a test set aside was not recorded")
    for name in unnamed if run.schema >= RECORDED else ():
        result.wrong("waveform", name, "is of no trial, and no test has set it aside")
    for name in sorted(aside - there):
        result.wrong("waveform", name, "was set aside, and is not here")
    numbers = {int(found[1]) for name in there if (found := _NUMBERED.fullmatch(name))}
    for number in sorted(set(range(1, max(numbers, default=0) + 1)) - numbers):
        result.wrong("waveform", f"waveforms/{number:04d}.npz", "is missing in the numbers of the waveforms")
    if aside:
        result.notes.append(f"{len(aside)} waveforms were set aside by their tests: {', '.join(sorted(aside))}")
    result.done.append(f"{len(there)} waveforms, each of one trial")


def _time_base(file: WaveformFile, trial: Trial, where: str, result: Verification) -> None:
    waveform = file.waveform()
    if not (math.isfinite(waveform.start_s) and waveform.dt_s > 0 and np.isfinite(waveform.samples).all()):
        result.wrong("waveform", where, "has gaps: a sample or its time is no number")
    stated = {"t0": trial.t0_s, "t1": trial.t1_s}
    for name, time_s in stated.items():
        if time_s is not None and not waveform.start_s <= time_s <= waveform.end_s:
            result.wrong("waveform", where, f"does not reach to its {name}")


def _current(folder: Path, held: list[tuple[str, Trial, WaveformFile]], run: Run, result: Verification) -> None:
    """After t0, no more current on the bus than in the waveform around that time."""
    spans = [
        (where, file, (trial.t0_s, file.waveform().end_s, evidence.wall_minus_bench_s))
        for where, trial, file in held
        if (evidence := trial.evidence) is not None and _bus_lives(evidence)
        if trial.t0_s is not None and evidence.wall_minus_bench_s is not None
    ]
    try:
        capture = CaptureSearch(folder / CAPTURE, folder / DATABASE, folder / ROLES)
        cycle_s = capture.cycle_s(ROLE)
        if math.isnan(cycle_s) or not spans:
            return
        found = capture.samples(ROLE, [span for _, _, span in spans])
    except Exception as error:  # noqa: BLE001  (a damaged file makes its readers fail in ways of their own)
        result.wrong("waveform", CAPTURE, f"cannot be read: {error}")
        return
    apart = [
        (where, one)
        for (where, file, _), samples in zip(spans, found, strict=True)
        if (one := _more_on_bus(file, samples, cycle_s + LATE_S))
    ]
    for where, text in apart:
        if run.evidence == "hardware":  # nobody knows how a real battery filters its current
            result.notes.append(f"{where}: {text}")
        else:
            result.wrong("waveform", where, f"{text}; was a piece cut out?")
    result.done.append(f"current on the bus against {len(spans)} waveforms")


def _bus_lives(evidence: Evidence) -> bool:
    """The danger was a value in a frame: the battery goes on sending, and what it sends is its own."""
    fall = evidence.fall
    return fall is not None and fall.shown is not None and not fall.shown.silence


def _more_on_bus(file: WaveformFile, samples: list[tuple[float, float]], late_s: float) -> str:
    waveform = file.waveform()
    for at_s, value_a in samples:
        first, last = (int((time_s - waveform.start_s) / waveform.dt_s) for time_s in (at_s - late_s, at_s + LATE_S))
        around = np.abs(waveform.samples[max(0, first) : max(0, last) + 1])
        if around.size and abs(value_a) > (1 + SAME_SHARE) * float(around.max()) + SAME_A:
            return f"the bus shows {value_a:g} A at {at_s:.4f} s, the waveform at most {float(around.max()):.3g} A"
    return ""
