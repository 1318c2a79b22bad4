"""A campaign judges by what its rig file states: another pack, another controller's thresholds, no other verdict."""

import json

import pytest

from v2g_bench.campaign.limits import Limits
from v2g_bench.campaign.plan import SHIPPED
from v2g_bench.campaign.run import Job, opened, run_operating_point
from v2g_bench.errors import BenchError
from v2g_bench.rig.file.load import load_rig, shipped_rigs

SHUTDOWN = (SHIPPED / "shutdown.toml").read_text("utf-8").replace("per_stand = 100", "per_stand = 6")
FALLBACKS = (SHIPPED / "fallbacks.toml").read_text("utf-8").replace("per_stand = 20", "per_stand = 3")
SILENCES = """
name = "silences"
[stand]
power_w = -3000
[[fault]]
kind = "bms_silence"
hold_s = [0.24, 0.28]
"""
IMBALANCE = """
name = "imbalance"
[stand]
power_w = -3000
[time]
second_share = 0
hold_s = [0.7, 1.0]
[[fault]]
kind = "cell_imbalance"
"""


@pytest.fixture
def rig_file(tmp_path):
    """Writes the rig sim with these lines added to its file; its path."""

    def write(more):
        path = tmp_path / "mine.toml"
        path.write_text(f"{shipped_rigs()['sim'].read_text()}\n{more}")
        return str(path)

    return write


def test_what_the_rig_sim_states_is_what_is_judged_by():
    assert Limits.of_rig(load_rig("sim").rig) == Limits()


def test_each_of_them_is_the_rig_s(rig_file):
    reported = rig_file(
        "[judging]\nisolation_fraction = 0.1\nsilence_limit_ms = 900\nfallback_s = 0.7\nno_discharge_w = 80\n"
        "[dut.thresholds]\nbms_timeout_s = 0.3\nsoc_divergence_pct = 7\n[plant]\ncells = 48\n"
    )
    found = Limits.of_rig(load_rig(reported).rig)
    assert (found.isolation_fraction, found.fallback_ms, found.no_discharge_w) == (0.1, 700.0, 80)
    assert (found.bms_timeout_ms, found.silence_ms, found.soc_step_pct) == (300.0, 600.0, 7)
    assert found.pack_v == Limits().pack_v / 2
    assert Limits.of_rig(load_rig(reported).rig, silence_ms=900.0).silence_ms == 900.0


def test_the_campaign_s_own_limits_go_first(rig_file):
    text = f"{SILENCES}\n[limits]\nsilence_ms = 250\n"
    _, _, judge = opened(Job(text, 2, 1, rig_file("[dut.thresholds]\nbms_timeout_s = 0.3\n")))
    assert (judge.limits.silence_ms, judge.limits.bms_timeout_ms) == (250, 300.0)


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (SHUTDOWN, "[plant]\ncells = 48\nmodules = 8\n"),
        (SHUTDOWN, "[plant]\ncells = 108\nmodules = 27\n"),
        (FALLBACKS, "[plant]\ncells = 8\nmodules = 2\n"),
        (SILENCES, "[dut.thresholds]\nbms_timeout_s = 0.3\n"),
        (IMBALANCE, "[plant]\ncells = 48\nstandby_current_a = 0.2\n"),  # 33 W: less than the 50 W that are a discharge
    ],
    ids=["48 cells", "108 cells", "8 cells", "patient controller", "thirsty inverter"],
)
def test_a_sound_controller_keeps_every_invariant_on_another_rig(rig_file, text, more):
    result = run_operating_point(Job(text, 6, 1, rig_file(more)), 0)
    assert result.error == ""
    assert [row["said"] for row in result.rows if row["failed"]] == []
    assert all(row["before_a"] for row in result.rows)


def test_the_cells_of_a_campaign_are_those_of_the_rig_s_pack(rig_file):
    plan, _, _ = opened(Job(SHUTDOWN, 400, 1, rig_file("[plant]\ncells = 108\nmodules = 27\n")))
    faults = [fault.to_dict() for index in range(400) for fault in (one.fault for one in plan.scenario(index).faults)]
    cells, modules = ({one[key] for one in faults if key in one} for key in ("cell", "module"))
    assert (min(cells), max(cells)) == (1, 108)
    assert 12 < max(modules) <= 27
    other, _, _ = opened(Job(SHUTDOWN, 400, 1))
    drawn = json.dumps([other.scenario(index).to_dict() for index in range(400)])
    written = SHUTDOWN.replace('cell = "any"', "cell = [1, 96, 1]").replace('module = "any"', "module = [1, 12, 1]")
    same, _, _ = opened(Job(written, 400, 1))
    assert json.dumps([same.scenario(index).to_dict() for index in range(400)]) == drawn


def test_a_cell_that_the_pack_has_not_is_refused(rig_file):
    text = SHUTDOWN.replace('cell = "any"', "cell = [60, 96, 1]")
    result = run_operating_point(Job(text, 12, 1, rig_file("[plant]\ncells = 48\n")), 0)
    assert "is outside 1..48" in result.error


def test_any_is_for_what_is_counted():
    with pytest.raises(BenchError, match=r'fault\[0\].by_pct: "any" is for cell and module'):
        opened(Job('name = "x"\n[[fault]]\nkind = "soc_divergence"\nby_pct = "any"\n', 2, 1))
