"""Some days of the loop; what a year comes to is for the benchmarks."""

from dataclasses import replace

import pytest

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsParts
from v2g_bench.ems.model.limits import SocLimits
from v2g_bench.ems.protection.derating import DeratingMap
from v2g_bench.life.loop.climate import load_climate
from v2g_bench.life.loop.configuration import Configuration
from v2g_bench.life.loop.duty import load_duty
from v2g_bench.life.loop.year import Setting, run_year
from v2g_bench.qualification.defects.controllers import thermal as defects

COMMUTER = Setting(load_duty("commuter"), load_climate("temperate"), days=3)
BASE = Configuration("base")


def test_window_is_kept_and_the_charge_adds_up() -> None:
    year = run_year(COMMUTER, BASE)
    assert year.soc.max() <= 0.755
    assert year.tally.failures == ()
    assert year.tally.served_kwh > 5
    moved = year.current_a.sum() / 60 / year.battery.capacity_ah
    assert year.soc[-1] - year.soc[0] == pytest.approx(moved, abs=1e-9)
    assert len(year.series.time_s) == 3 * 1440 + 1


def test_another_window_is_another_year() -> None:
    wide = run_year(COMMUTER, replace(BASE, limits=SocLimits(10, 95)))
    assert wide.soc.max() > 0.9


def test_same_inputs_same_year() -> None:
    one, other = (run_year(replace(COMMUTER, days=1), BASE) for _ in range(2))
    assert one.soc.tolist() == other.soc.tolist()


def test_seeded_defect_of_derating_changes_the_history() -> None:
    """The cold derating missing, as in the catalogue of defects: the same duty charges harder."""
    sound = run_year(COMMUTER, BASE)
    broken = run_year(COMMUTER, BASE, factory=defects.cold_not_derated)
    assert broken.tally.limited_minutes.get("derating map", 0) < sound.tally.limited_minutes["derating map"]
    assert broken.current_a.max() > 1.5 * sound.current_a.max()


def test_tour_that_cannot_be_served_fails_the_duty() -> None:
    """A controller that never lets a charge through: the car runs empty."""

    def never(settings):
        return Ems(settings, replace(EmsParts.build(settings), derating=DeratingMap(hot=((0.0, 0.0),))))

    year = run_year(replace(COMMUTER, start_soc=0.18), BASE, factory=never)
    assert year.tally.unserved_tours > 0
    assert year.tally.clipped_ah > 0
    assert "tours could not be driven" in year.tally.failures[0]
    assert "beyond an empty or a full battery" in year.tally.failures[1]


def test_bound_on_the_energy_of_each_day() -> None:
    year = run_year(replace(COMMUTER, served_kwh=(0.0, 1.0, 2.0)), BASE)
    assert year.tally.served_by_day_kwh == pytest.approx([0.0, 1.0, 2.0], abs=0.2)


def test_regulation_and_heat() -> None:
    summer = Setting(load_duty("frequency-regulation"), load_climate("hot"), days=2, warmer_k=20.0)
    year = run_year(summer, BASE)
    late = run_year(summer, replace(BASE, policy=replace(BASE.policy, cooling_trigger_c=45.0)))
    assert (year.ac_w > 0).any()
    assert (year.ac_w < 0).any()
    assert year.pack_c[-1] < late.pack_c[-1] - 1.0
    assert year.tally.cooling_heating_kwh > late.tally.cooling_heating_kwh
