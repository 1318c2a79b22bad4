import dataclasses

from v2g_bench.reports.model import Measurement, Trial
from v2g_bench.reports.view import view


def measurement_of(shown, requirement, test=0):
    return shown["requirements"][requirement]["tests"][test]["measurements"][0]


def test_the_deciding_trial_is_large_and_first(run, tmp_path):
    shown, problems = view(run, tmp_path)
    assert problems == []
    figures = measurement_of(shown, 1, 1)["figures"]
    assert [f["name"] for f in figures if f["large"]] == ["trial 2"]
    assert figures[0]["alt"].startswith("trial 2: −7.5 A before t0, below 0.375 A from 61.30 ms")
    hot = measurement_of(shown, 0)["figures"]
    assert [(f["name"], f["large"], f["void"]) for f in hot][:2] == [
        ("trial 3", True, False),
        ("trial 1, void", False, True),
    ]


def test_every_trial_is_listed_and_void_ones_say_why(run, tmp_path):
    shown, _ = view(run, tmp_path)
    table = measurement_of(shown, 0)["trials"]
    assert len(table["rows"]) == 6
    assert [row["void"] for row in table["rows"]] == [True] + 5 * [False]
    assert "void: the host stalled for 14 ms between t0 and t1" in table["rows"][0]["cells"]
    assert table["note"] == "t0 taken from: own-frame echo, kernel stamp."


def test_a_lost_waveform_is_told_and_shown(run, tmp_path):
    (tmp_path / "waveforms/hot-charging-2.npz").unlink()
    shown, problems = view(run, tmp_path)
    assert len(problems) == 1
    assert "hot-charging-2.npz: the waveform file is missing" in problems[0]
    lost = [f for f in measurement_of(shown, 0, 1)["figures"] if f["problem"]]
    assert [(f["name"], f["svg"]) for f in lost] == [("trial 2", "")]


def test_a_trial_without_a_value_decides(run, tmp_path):
    stuck = Trial(index=2, waveform="waveforms/hot-charging-2.npz", note="the current never fell")
    fine = Trial(index=1, value=20.0, waveform="waveforms/hot-charging-1.npz")
    m = Measurement(name="m", unit="ms", limit_high=50.0, verdict="FAIL", trials=[fine, stuck])
    test = dataclasses.replace(run.requirements[0].tests[0], measurements=[m])
    requirement = dataclasses.replace(run.requirements[0], tests=[test], statement="")
    shown, _ = view(dataclasses.replace(run, requirements=[requirement]), tmp_path)
    assert measurement_of(shown, 0)["figures"][0]["name"] == "trial 2"
    assert measurement_of(shown, 0)["value"] == "—"


def test_the_report_id_changes_with_the_content(run, tmp_path):
    first = view(run, tmp_path)[0]["report_id"]
    other = view(dataclasses.replace(run, seed=run.seed + 1), tmp_path)[0]["report_id"]
    assert first.startswith("V2G-20261122T221407-vcan0-")
    assert first != other
