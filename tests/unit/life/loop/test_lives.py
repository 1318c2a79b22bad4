import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.life.loop.car import Battery
from v2g_bench.life.loop.lives import _aged, _whole
from v2g_bench.life.loop.year import Tally, Year
from v2g_bench.pack.ageing.laws import LAWS

DAY = 1440


def _year(left: float) -> Year:
    """A day of 5 A out for half of it, and 5 A in for the other half."""
    battery = Battery(left=left)
    current = np.where(np.arange(DAY) < DAY // 2, -5.0, 5.0)
    soc = 0.9 + np.concatenate([[0.0], np.cumsum(current / 60.0 / battery.capacity_ah)])
    return Year(battery, soc, np.full(DAY + 1, 20.0), current, 0.0 * current, Tally())


@pytest.mark.parametrize("left", [1.0, 0.8])
def test_an_aged_pack_cycles_deeper_and_its_flow_is_aged_by_the_law_alone(left: float) -> None:
    """KIT divides a current by what it finds left: of what the loop found left it must not be divided before."""
    year = _year(left)
    stress = _whole([(0, year)], 1)
    assert stress.cycles.depth.max() == pytest.approx(60.0 / (left * year.battery.new_ah), rel=1e-6)
    assert np.abs(stress.flow.c_rate) == pytest.approx(5.0 / year.battery.new_ah, rel=1e-6)


def test_a_battery_with_nothing_left_is_said_and_not_divided_by() -> None:
    stress = _whole([(0, _year(1.0))], 1)
    hot = {name: law for name, law in LAWS.items() if name == "schmalstieg"}
    with pytest.raises(BenchError, match="of NMC has nothing left after 900 years of this"):
        _aged(Battery(), stress, hot, 900)
    assert 0 < _aged(Battery(), stress, hot, 5).left < 1
