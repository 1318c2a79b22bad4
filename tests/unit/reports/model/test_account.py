import json

from v2g_bench.reports.model.account import Moment, load_accounts

GOOD = {
    "test": "t",
    "measurement": "time to isolation",
    "waveform": "waveforms/0001.npz",
    "t0_s": 10.0,
    "until_s": 10.5,
    "frame": "BMS_Safety",
    "values": [["cell temperature max", "25 °C", "45.5 °C"]],
    "moments": [{"at_s": 10.07, "by": "controller, log", "text": "trip", "until_s": None}],
    "changes": [{"role": "contactor_state", "value": 0.0, "at_s": 10.1, "frame": ""}],
}


def put(folder, name, content):
    (folder / "evidence").mkdir(exist_ok=True)
    (folder / "evidence" / name).write_text(content, encoding="utf-8")


def test_the_accounts_of_a_run_in_their_order(tmp_path):
    put(tmp_path, "around-0002.json", json.dumps(GOOD | {"test": "second"}))
    put(tmp_path, "around-0001.json", json.dumps(GOOD))
    problems = []
    first, second = load_accounts(tmp_path, problems)
    assert (first.test, second.test, problems) == ("t", "second", [])
    assert first.moments == [Moment(at_s=10.07, by="controller, log", text="trip")]


def test_a_broken_one_is_reported_and_costs_no_other(tmp_path):
    put(tmp_path, "around-0001.json", "{")
    put(tmp_path, "around-0002.json", json.dumps(GOOD | {"t0_s": "soon"}))
    put(tmp_path, "around-0003.json", "[]")
    put(tmp_path, "around-0004.json", json.dumps(GOOD))
    problems = []
    assert len(load_accounts(tmp_path, problems)) == 1
    assert len(problems) == 3


def test_a_run_without_failures_has_none(tmp_path):
    assert load_accounts(tmp_path, []) == []
