import dataclasses

from v2g_bench.reports.model.run import Measurement, Trial
from v2g_bench.reports.render.view import view


def measurement_of(shown, requirement, test=0):
    (found,) = [one for one in shown["requirements"] if one["id"] == requirement]
    return found["tests"][test]["measurements"][0]


def test_the_deciding_trial_is_large_and_first(run, tmp_path):
    shown, problems = view(run, tmp_path)
    assert problems == []
    figures = measurement_of(shown, "SAF-02", 1)["figures"]
    assert [f["name"] for f in figures if f["large"]] == ["trial 2"]
    assert figures[0]["alt"].startswith("trial 2: −7.5 A before t0, below 0.375 A from 61.30 ms")
    hot = measurement_of(shown, "SAF-01")["figures"]
    assert [(f["name"], f["large"], f["void"]) for f in hot][:2] == [
        ("trial 3", True, False),
        ("trial 1, void", False, True),
    ]


def test_every_trial_is_listed_and_void_ones_say_why(run, tmp_path):
    shown, _ = view(run, tmp_path)
    table = measurement_of(shown, "SAF-01")["trials"]
    assert len(table["rows"]) == 6
    assert [row["void"] for row in table["rows"]] == [True] + 5 * [False]
    assert "void: the host stalled for 14 ms between t0 and t1" in table["rows"][0]["cells"]
    assert table["note"] == "t0 taken from: own-frame echo, kernel stamp."


def test_a_lost_waveform_is_told_and_shown(run, tmp_path):
    (tmp_path / "waveforms/hot-charging-2.npz").unlink()
    shown, problems = view(run, tmp_path)
    assert len(problems) == 1
    assert "hot-charging-2.npz: the waveform file is missing" in problems[0]
    lost = [f for f in measurement_of(shown, "SAF-01", 1)["figures"] if f["problem"]]
    assert [(f["name"], f["svg"]) for f in lost] == [("trial 2", "")]


def test_a_trial_without_a_value_decides(run, tmp_path):
    stuck = Trial(index=2, waveform="waveforms/hot-charging-2.npz", note="the current never fell")
    fine = Trial(index=1, value=20.0, waveform="waveforms/hot-charging-1.npz")
    m = Measurement(name="m", unit="ms", limit_high=50.0, verdict="FAIL", trials=[fine, stuck])
    test = dataclasses.replace(run.requirements[0].tests[0], measurements=[m])
    requirement = dataclasses.replace(run.requirements[0], tests=[test], statement="")
    shown, _ = view(dataclasses.replace(run, requirements=[requirement]), tmp_path)
    assert measurement_of(shown, "SAF-01")["figures"][0]["name"] == "trial 2"
    assert measurement_of(shown, "SAF-01")["value"] == "—"


def test_the_report_id_changes_with_the_content(run, tmp_path):
    first = view(run, tmp_path)[0]["report_id"]
    other = view(dataclasses.replace(run, seed=run.seed + 1), tmp_path)[0]["report_id"]
    assert first.startswith("V2G-20261122T221407-vcan0-")
    assert first != other


def alone(run, measurement, **changes):
    test = dataclasses.replace(run.requirements[0].tests[0], verdict="", measurements=[measurement])
    requirement = dataclasses.replace(run.requirements[0], verdict="", tests=[test], statement="")
    return dataclasses.replace(run, requirements=[requirement], **changes)


def test_what_was_seen_or_not_stands_as_a_sentence_and_not_as_a_number(run, tmp_path):
    m = Measurement(name="no trip", value=0.0, limit_low=1.0, verdict="FAIL", statement="no trip: no (>= 45 C   -3 K)")
    shown = view(alone(run, m), tmp_path)[0]["requirements"][0]["tests"][0]
    assert shown["measurements"] == []
    assert shown["observations"] == [{"text": "no trip: no (≥ 45 C · −3 K)", "verdict": "FAIL", "css": "fail"}]


def test_the_rule_stands_once_and_a_measurement_adds_its_own_risk(run, tmp_path):
    m = dataclasses.replace(
        run.requirements[0].tests[0].measurements[0], rule=f"{run.decision_rule} Risk: 2.3 %.", k=2.00073
    )
    found = measurement_of(view(alone(run, m), tmp_path)[0], "SAF-01")
    assert found["rule"] == "as on the first page. Risk: 2.3\u00a0%."
    assert found["value"].endswith("k = 2.00")


def test_the_instruments_of_each_measurement(run, tmp_path):
    latency = run.requirements[0].tests[0].measurements[0]
    used = measurement_of(view(alone(run, latency), tmp_path)[0], "SAF-01")["instruments"]
    (expected,) = [i for i in run.instruments if i.part == "meters.dc_current"]
    assert used == f"meters.dc_current, {expected.identity}"
    power = Measurement(name="p", value=1.0, expanded=0.1, basis='{"kind": "mean"}')
    assert measurement_of(view(alone(run, power), tmp_path)[0], "SAF-01")["instruments"].startswith("meters.ac_power, ")
    unknown = dataclasses.replace(power, basis="{")
    assert measurement_of(view(alone(run, unknown), tmp_path)[0], "SAF-01")["instruments"] == ""


def test_void_trials_are_listed_together(run, tmp_path):
    shown, _ = view(run, tmp_path)
    assert len(shown["voids"]) == 2
    assert shown["voids"][0] == [
        "SAF-01",
        "test_hot_cell_isolates[discharging]",
        "1",
        "the host stalled for 14 ms between t0 and t1",
    ]


def test_what_the_laboratory_knows_stands_on_the_first_page(run, tmp_path):
    job = {"laboratory": "Lab", "address": "1 Street", "customer": "Maker", "item_condition": "new"}
    facts = {g["title"]: dict(g["rows"]) for g in view(dataclasses.replace(run, job=job), tmp_path)[0]["facts"]}
    assert facts["Laboratory and customer"]["laboratory"] == "Lab, 1 Street"
    assert facts["Laboratory and customer"]["customer"] == "Maker"
    assert facts["Laboratory and customer"]["environment"] == "not stated"
    assert facts["Controller under test"]["condition"] == "new"


def test_the_head_of_the_chain_stands_among_the_facts_of_a_run_that_has_one(run, tmp_path):
    chained = dataclasses.replace(run, chain=f"chain {'a1' * 8} record 312 sha256 {'9f' * 32}")
    for shown, rows in ((run, {}), (chained, {"record": f"312 of chain {'a1' * 8}", "its head": "9f" * 32})):
        facts = next(
            group["rows"] for group in view(shown, tmp_path, [])[0]["facts"] if group["title"] == "Run and evidence"
        )
        assert {key: value for key, value in facts if key in ("record", "its head")} == rows


def test_the_document_behind_the_requirements_has_its_edition_and_digest_on_the_first_page(run, tmp_path):
    cited = dataclasses.replace(run, host=run.host | {"source: M": f"Title, edition 2, SHA-256 {'a' * 64}"})
    facts = {g["title"]: dict(g["rows"]) for g in view(cited, tmp_path)[0]["facts"]}["Run and evidence"]
    assert (facts["M"], facts["its SHA-256"]) == ("Title, edition 2", "a" * 64)
