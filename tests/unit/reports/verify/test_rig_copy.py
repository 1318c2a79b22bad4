"""Each statement that a run takes from its rig file, changed in the results alone."""

import dataclasses

import pytest

from v2g_bench.reports.verify.rig_copy import check_rig

from .conftest import result_of

found = result_of(check_rig)


@pytest.fixture
def emulated(kept, tmp_path):
    return kept.kept_run(tmp_path)


def test_what_the_rig_file_states_fits(emulated, tmp_path):
    assert found(emulated, tmp_path).findings == []


def test_a_real_rig_with_its_calibrations_fits(real, tmp_path):
    assert found(real, tmp_path).findings == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rig": "other"}, "says rig other"),
        ({"evidence": "hardware"}, "says evidence hardware, the rig file emulated"),
        ({"clock": "virtual"}, "says clock virtual, the rig file real"),
        ({"place": "elsewhere"}, "says place elsewhere"),
        ({"pics": {}}, "says supports reload nothing, the rig file True"),
        ({"thresholds": {}}, "says judging.rule nothing, the rig file non-binary"),
        ({"rig_file_text": "x = 1"}, "no file of the run is the rig file"),
    ],
)
def test_what_the_results_state_otherwise_is_found(emulated, tmp_path, changes, said):
    result = found(dataclasses.replace(emulated, **changes), tmp_path)
    assert any(said in one.text for one in result.findings), result.findings
    assert {one.kind for one in result.findings} == {"rig"}


@pytest.mark.parametrize("changes", [{"name": "x"}, {"kind": "core"}, {"command": "x"}])
def test_another_controller_is_found(emulated, tmp_path, changes):
    other = dataclasses.replace(emulated, controller=dataclasses.replace(emulated.controller, **changes))
    assert [one.kind for one in found(other, tmp_path).findings] == ["rig"]


@pytest.mark.parametrize("reason", ['[dut] claims = ["SAF-02"]', "[dut.supports] reload = false"])
def test_a_claim_that_the_rig_file_does_not_exclude_is_found(emulated, tmp_path, reason):
    one = dataclasses.replace(
        emulated.requirements[0], verdict="NOT APPLICABLE", not_applicable_reason=reason, tests=[]
    )
    (finding,) = found(dataclasses.replace(emulated, requirements=[one]), tmp_path).findings
    assert "SAF-01 is not claimed" in finding.text


def test_a_threshold_that_the_rig_moves_is_a_deviation(kept, emulated, tmp_path):
    text = emulated.rig_file_text + "\n[judging]\nno_discharge_w = 3500.0\n"
    (tmp_path / "bench.toml").write_text(text)
    figures = emulated.thresholds | {"judging.no_discharge_w": "3500.0"}
    weakened = dataclasses.replace(emulated, rig_file_text=text, thresholds=figures)
    (finding,) = found(weakened, tmp_path).findings
    assert "[judging] no_discharge_w, which it moves" in finding.text
    stated = "[judging] no_discharge_w = 3500 by the rig file; the suite's own value is 50"
    assert found(dataclasses.replace(weakened, deviations=[stated]), tmp_path).findings == []


@pytest.mark.parametrize(
    "changes",
    [
        {"emulated": True, "resource": "emulated"},
        {"resource": "TCPIP::192.0.2.99::INSTR"},
        {"calibration_due": "2099-01-01"},
        {"identity": "Example, serial OTHER, firmware 1"},
        {"part": "meters.other"},
    ],
)
def test_another_instrument_is_found(real, tmp_path, changes):
    instruments = [dataclasses.replace(real.instruments[0], **changes), *real.instruments[1:]]
    assert found(dataclasses.replace(real, instruments=instruments), tmp_path).findings != []


def test_a_calibration_without_its_record_is_found(real, tmp_path):
    (tmp_path / "calibration/dc_current.toml").unlink()
    (finding,) = found(real, tmp_path).findings
    assert "names no record that the run has" in finding.text


def test_another_database_is_found(emulated, tmp_path):
    figures = emulated.thresholds | {"database": f"x.dbc, SHA-256 {'0' * 64}"}
    assert "database" in found(dataclasses.replace(emulated, thresholds=figures), tmp_path).findings[0].text


def test_a_rig_file_of_another_time_is_said_to_be_one(emulated, tmp_path):
    (tmp_path / "bench.toml").write_text("old = true\n")
    result = found(dataclasses.replace(emulated, schema=3, rig_file_text="old = true\n"), tmp_path)
    assert (result.findings, len(result.impossible)) == ([], 1)


def test_a_figure_that_came_later_is_no_contradiction(emulated, tmp_path):
    fewer = {key: text for key, text in emulated.thresholds.items() if key != "judging.link_discharged_s"}
    assert found(dataclasses.replace(emulated, schema=4, thresholds=fewer), tmp_path).findings == []
    assert found(dataclasses.replace(emulated, thresholds=fewer), tmp_path).findings != []
