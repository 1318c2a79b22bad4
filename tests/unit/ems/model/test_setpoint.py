import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.model.setpoint import Arbiter, Ceiling, CellVoltageGuard, OverCurrentHold, Setpoint

CEILINGS = st.lists(
    st.builds(Ceiling, st.just("x"), charge_w=st.floats(-10, 1e5), discharge_w=st.floats(-10, 1e5)), max_size=6
)


@given(st.floats(-1e6, 1e6), CEILINGS)
def test_only_lowers_and_never_turns_round(request_w: float, ceilings: list[Ceiling]) -> None:
    power_w = Arbiter().arbitrate(request_w, ceilings).power_w
    assert abs(power_w) <= abs(request_w)
    assert power_w * request_w >= 0
    for ceiling in ceilings:
        limit = ceiling.charge_w if request_w > 0 else ceiling.discharge_w
        assert abs(power_w) <= max(0.0, limit)


@given(st.floats(-1e6, -1e-3), CEILINGS)
def test_no_discharge_through_a_closed_ceiling(request_w: float, ceilings: list[Ceiling]) -> None:
    assert Arbiter().arbitrate(request_w, [*ceilings, Ceiling("charge-only", discharge_w=0.0)]).power_w == 0


def test_reasons_and_not_a_number() -> None:
    arbiter = Arbiter()
    assert arbiter.arbitrate(5000.0, [Ceiling("a", 4000.0), Ceiling("b", 3000.0), Ceiling("c")]) == Setpoint(
        3000.0, ("a", "b")
    )
    assert arbiter.arbitrate(-5000.0, [Ceiling("a", 4000.0)]) == Setpoint(-5000.0)
    assert arbiter.arbitrate(100.0, [Ceiling("nan", math.nan, math.nan)]).power_w == 0
    assert math.copysign(1, arbiter.arbitrate(0.0, []).power_w) == 1


def _pack(low_v: float, high_v: float) -> PackState:
    pack = PackState()
    pack.update({"cell_voltage_min": low_v, "cell_voltage_max": high_v})
    return pack


@pytest.mark.parametrize(
    ("low_v", "high_v", "discharge", "charge"),
    [(3.21, 4.09, True, True), (3.20, 3.9, False, True), (3.1, 3.9, False, True), (3.9, 4.10, True, False)],
)
def test_cell_voltages(low_v: float, high_v: float, discharge: bool, charge: bool) -> None:
    ceilings = CellVoltageGuard().ceilings(_pack(low_v, high_v), calibrating=False)
    assert all(ceiling.discharge_w > 0 for ceiling in ceilings) is discharge
    assert all(ceiling.charge_w > 0 for ceiling in ceilings) is charge


def test_cell_voltage_hysteresis_and_calibration() -> None:
    guard = CellVoltageGuard(hysteresis_v=0.05)
    seen = [bool(guard.ceilings(_pack(v, 3.9), calibrating=False)) for v in (3.22, 3.2, 3.22, 3.249, 3.25, 3.22)]
    assert seen == [False, True, True, True, False, False]
    assert not guard.ceilings(_pack(3.9, 4.15), calibrating=True)
    assert guard.ceilings(_pack(3.9, 4.2), calibrating=True)


def test_single_cells_count() -> None:
    pack = _pack(3.7, 3.71)
    pack.update({"cell_voltage[17]": 3.1})
    assert CellVoltageGuard().ceilings(pack, calibrating=False)


def test_over_current_hold() -> None:
    hold = OverCurrentHold()
    hold.update(False)
    assert not hold.held
    hold.update(True)
    hold.update(False)
    assert hold.held
    hold.new_request(flag=True)
    assert hold.held
    hold.new_request(flag=False)
    assert not hold.held
