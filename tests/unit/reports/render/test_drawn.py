import dataclasses

from v2g_bench.reports.model.run import Drawn, Measurement, TestResult, Trial
from v2g_bench.reports.render.drawn import COLUMNS, drawn_table, drawn_words


def drawing(*worlds, trials=()):
    measured = [Measurement(name="time to isolation", unit="ms", value=9.0, verdict="PASS", trials=list(trials))]
    drawn = [Drawn(index=place, values=values) for place, values in enumerate(worlds, 1)]
    return TestResult(nodeid="a.py::t", verdict="PASS", drawn=drawn, measurements=measured if trials else [])


def trial(index, value, **more):
    return Trial(index=index, value=value, expanded=0.02, phase_s=0.01, **more)


def heads(table):
    return [column["title"] for column in table["columns"]]


def cells(table):
    return [row["cells"] for row in table["rows"]]


def test_a_column_for_each_value_beside_what_was_measured(run):
    hot = [{"cell": "30", "power": "-2824 W", "ramp": "0 K/s"}, {"cell": "68", "power": "-4343 W", "ramp": "0 K/s"}]
    table = drawn_table(run, drawing(*hot, trials=[trial(1, 8.789), trial(2, None)]))
    assert heads(table) == ["Trial", "Value / ms", "cell", "power"]
    assert cells(table) == [["1", "8.789", "30", "−2824 W"], ["2", "none", "68", "−4343 W"]]
    assert table["note"].startswith("In all trials: ramp 0 K/s. pytest --rig=vcan0 --seed=20261122 'a.py::t'")


def test_a_value_belongs_to_its_attempt(run):
    test = drawing(
        {"cell": "1"}, {"cell": "2"}, trials=[trial(1, 8.0, void=True, void_reason="stall"), trial(1, 9.0, attempt=2)]
    )
    drawn = [Drawn(index=1, values={"cell": "1"}), Drawn(index=1, attempt=2, values={"cell": "2"})]
    assert [row[:2] for row in cells(drawn_table(run, dataclasses.replace(test, drawn=drawn)))] == [
        ["1", "void"],
        ["1 (attempt 2)", "9.000"],
    ]


def test_worlds_without_trials_and_more_values_than_fit(run):
    many = [{f"n{place}": f"{place + shift}" for place in range(COLUMNS + 1)} for shift in (0, 1)]
    table = drawn_table(run, drawing(*many))
    assert heads(table) == ["Trial", "Drawn"]
    assert cells(table)[0][1].startswith("n0 0, n1 1")


def test_nothing_drawn_shows_nothing(run):
    assert (cells(drawn_table(run, drawing())), drawn_table(run, drawing())["note"]) == ([], "")


def test_the_world_of_one_trial_in_words():
    test = drawing({"cell": "30"}, {"cell": "68"}, trials=[trial(1, 8.0), trial(2, 9.0)])
    assert drawn_words(test, trial(2, 9.0)) == "cell 68"
    assert drawn_words(test, trial(3, 9.0)) == drawn_words(test, None) == ""
