"""A failed trial has a section of its own: what was sent, the frame at t0, who did what, its picture large."""

import dataclasses
import json

import pytest

from v2g_bench.reports.render.explain import SHOWN
from v2g_bench.reports.render.view import view

MOMENTS = [
    {"at_s": 1001.99, "by": "bench", "text": "over temperature, cell 17: in force from here on", "until_s": None},
    {"at_s": 1002.0613, "by": "controller, Modbus", "text": "orders 0 W", "until_s": None},
    {"at_s": 1002.0, "by": "controller, log", "text": "trip", "until_s": 1002.5},
]


@pytest.fixture
def late(run):
    """The requirement that failed, the test that did, and its measurement."""
    requirement = next(one for one in run.requirements if one.id == "SAF-02")
    test = next(one for one in requirement.tests if one.verdict == "FAIL")
    return requirement, test, test.measurements[0]


def account(folder, number, test, name, waveform):
    kept = {
        "test": test,
        "measurement": name,
        "waveform": waveform,
        "t0_s": 1002.0,
        "until_s": 1002.3,
        "moments": MOMENTS,
    }
    kept |= {"frame": "BMS_Safety, identifier 0x80", "values": [["cell temperature max", "25 °C", "45.5 °C"]]}
    (folder / "evidence").mkdir(exist_ok=True)
    (folder / "evidence" / f"around-{number:04d}.json").write_text(json.dumps(kept), encoding="utf-8")


def shown_of(run, folder, nodeid):
    shown, problems = view(run, folder)
    assert problems == []
    return next(t for r in shown["requirements"] for t in r["tests"] if t["nodeid"] == nodeid)


def test_the_failed_trial_with_what_was_sent_and_what_happened(run, tmp_path, late):
    _, test, m = late
    account(tmp_path, 1, test.nodeid, m.name, m.trials[1].waveform)
    shown = shown_of(run, tmp_path, test.nodeid)
    (story,) = shown["stories"]
    assert story["title"] == "Trial 2: what happened"
    assert story["signals"]["rows"][0]["cells"] == ["cell temperature max", "25 °C", "45.5 °C"]
    assert [row["cells"][:2] for row in story["moments"]["rows"]] == [
        ["−10.0", "bench"],
        ["61.3", "controller, Modbus"],
        ["0.0 to 500.0", "controller, log"],
    ]
    assert story["figure"]["large"]
    assert story["figure"] not in shown["measurements"][0]["figures"]


def test_without_an_account_the_page_is_as_before(run, tmp_path, late):
    _, test, _ = late
    assert shown_of(run, tmp_path, test.nodeid)["stories"] == []


def test_what_no_waveform_belongs_to_is_found_by_its_name(run, tmp_path, late):
    requirement, test, _ = late
    observed = [
        dataclasses.replace(
            test.measurements[0], name="in the log", value=0.0, expanded=None, trials=[], verdict="FAIL"
        )
    ] * 2
    changed = dataclasses.replace(test, measurements=observed)
    requirements = [dataclasses.replace(requirement, tests=[changed])]
    account(tmp_path, 1, test.nodeid, "in the log", "")
    account(tmp_path, 2, test.nodeid, "another", "")
    shown = shown_of(dataclasses.replace(run, requirements=requirements), tmp_path, test.nodeid)
    assert [story["title"] for story in shown["stories"]] == ["in the log: what happened"]


def test_of_many_failures_some_are_shown_and_the_rest_counted(run, tmp_path, late):
    requirement, test, m = late
    trials = [
        dataclasses.replace(m.trials[1], index=n, waveform=f"waveforms/many-{n}.npz") for n in range(1, SHOWN + 3)
    ]
    for trial in trials:
        (tmp_path / trial.waveform).write_bytes((tmp_path / m.trials[1].waveform).read_bytes())
        account(tmp_path, trial.index, test.nodeid, m.name, trial.waveform)
    changed = dataclasses.replace(test, measurements=[dataclasses.replace(m, trials=trials)])
    requirements = [dataclasses.replace(requirement, tests=[changed])]
    shown = shown_of(dataclasses.replace(run, requirements=requirements), tmp_path, test.nodeid)
    assert len(shown["stories"]) == SHOWN
    assert shown["measurements"][0]["untold"].startswith("2 more failed")


def observed(run, late, verdict="FAIL", measurements=None):
    """The run whose one requirement failed in an observation."""
    requirement, test, m = late
    seen = dataclasses.replace(m, name="in the log", value=0.0, expanded=None, trials=[], verdict=verdict)
    changed = dataclasses.replace(test, measurements=[seen] if measurements is None else measurements)
    return dataclasses.replace(run, requirements=[dataclasses.replace(requirement, tests=[changed])]), test.nodeid


def test_without_a_waveform_the_current_of_the_bms_is_drawn_above_the_lanes(run, tmp_path, late):
    changed, nodeid = observed(run, late)
    account(tmp_path, 1, nodeid, "in the log", "")
    path = tmp_path / "evidence/around-0001.json"
    lanes = {"contactors reported": [{"at_s": 1001.7, "text": "closed", "on": True}]}
    current = [[1001.8, -8.0], [1002.05, -8.0], [1002.1, 0.0], [1002.3, 0.0]]
    path.write_text(json.dumps(json.loads(path.read_text()) | {"current": current, "tracks": lanes}))
    (story,) = shown_of(changed, tmp_path, nodeid)["stories"]
    assert (
        story["figure"]["alt"] == "current as the BMS reports it: current by the BMS between −8 to 0 A; t0 at 0.200 s"
    )
    assert "contactors reported" in story["figure"]["svg"]
    assert "nan" not in story["figure"]["svg"]


def test_a_test_that_failed_without_a_measurement_has_its_page_too(run, tmp_path, late):
    changed, nodeid = observed(run, late, measurements=[])
    account(tmp_path, 1, nodeid, "", "")
    (story,) = shown_of(changed, tmp_path, nodeid)["stories"]
    assert story["title"] == "The test: what happened"
    assert story["figure"] is None
