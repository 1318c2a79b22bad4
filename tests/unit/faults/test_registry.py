import json

import pytest

from v2g_bench.can.physics.condition import Condition
from v2g_bench.errors import BenchError
from v2g_bench.faults import (
    FAULTS,
    KINDS,
    BabblingNode,
    BmsFrozen,
    BmsSilence,
    BusExpectation,
    CellImbalance,
    CellVoltage,
    CellVoltages,
    ContinuousRating,
    DominantShort,
    EmiNoise,
    Expectation,
    Fault,
    ImbalanceCode,
    MissingTerminator,
    OpenWire,
    OverCurrent,
    OverTemperature,
    PackTemperature,
    SickTransceiver,
    SocDivergence,
    StateOfCharge,
    StringVoltageDifference,
    SwitchingNoise,
    ThermalGradient,
    WireBitErrors,
    WireBursts,
    WireExpectation,
    WireFault,
    WornBattery,
    WrongSamplePoint,
    from_dict,
)
from v2g_bench.faults.emi_noise import above

NODE = {"state": "active", "tec": 0, "errors": 0, "attempts": 0, "restarts": 0}
UNTOUCHED = {
    "time_s": 1.0,
    "load_pct": 7.0,
    "ohm": 60.0,
    "frames": 100,
    "destroyed": 0,
    "nodes": dict.fromkeys(("bms", "ems", "bench"), NODE),
}
ONE_OF_EACH = [
    BmsFrozen(),
    BmsSilence(),
    CellImbalance(),
    CellVoltage(cell=96, to_v=4.2),
    CellVoltages(to_v=4.11),
    ContinuousRating(to_w=1000),
    EmiNoise(loss_pct=20, flip_pct=5, burst_frames=3, jitter_ms=2, duplicate_pct=1),
    ImbalanceCode(),
    OverCurrent(),
    OverTemperature(cell=17, to_c=45.5, ramp_k_per_s=2.0),
    PackTemperature(to_c=40),
    SocDivergence(by_pct=-7, ramp_pct_per_s=1.0),
    StateOfCharge(to_pct=25),
    StringVoltageDifference(to_mv=320, ramp_mv_per_s=50),
    ThermalGradient(to_k=9.5, module=3, ramp_k_per_s=1.0),
    BabblingNode(load_pct=60, frame_id=0x7FF, length=64),
    DominantShort(),
    MissingTerminator(missing=1, length_m=40),
    OpenWire(node="ems"),
    SickTransceiver(share_pct=20),
    SwitchingNoise(volts=0.5, ring_us=1.5),
    WireBitErrors(rate=1e-4),
    WireBursts(burst_ms=1, gap_ms=10),
    WrongSamplePoint(at_pct=12),
    WornBattery(soh_pct=79.9),
]


def test_the_table_holds_one_of_each_kind():
    assert {type(fault) for fault in ONE_OF_EACH} == set(FAULTS)
    assert len(KINDS) == len(FAULTS)


@pytest.mark.parametrize("fault", ONE_OF_EACH, ids=lambda fault: fault.kind)
def test_a_fault_comes_back_from_json(fault: Fault):
    assert from_dict(json.loads(json.dumps(fault.to_dict()))) == fault


@pytest.mark.parametrize("fault", ONE_OF_EACH, ids=lambda fault: fault.kind)
def test_each_fault_can_be_proved_and_is_not_proved_by_nothing(fault: Fault):
    expected = fault.readback()
    if isinstance(expected, Expectation):
        assert not expected.met_by({})
    elif isinstance(fault, WireFault):
        assert isinstance(expected, WireExpectation)
        assert not expected.met_by(UNTOUCHED, UNTOUCHED)
    else:
        assert isinstance(expected, BusExpectation)
    ways = [bool(fault.senses(0.0, {})), fault.transmit() is not None, fault.wire() is not None]
    assert sum(ways) == 1


@pytest.mark.parametrize("fault", [f for f in ONE_OF_EACH if isinstance(f, WireFault)], ids=lambda fault: fault.kind)
def test_a_condition_comes_back_from_json(fault: WireFault):
    condition = fault.condition()
    assert condition != Condition()
    assert Condition.from_dict(json.loads(json.dumps(condition.to_dict()))) == condition


SENSED = [fault for fault in ONE_OF_EACH if isinstance(fault.readback(), Expectation)]


@pytest.mark.parametrize("fault", SENSED, ids=lambda fault: fault.kind)
def test_what_a_fault_shows_meets_its_own_readback_and_a_healthy_pack_does_not(fault: Fault):
    expected = fault.readback()
    assert isinstance(expected, Expectation)
    healthy = {
        "cell_temperature_max": 26.0,
        "cell_temperature_min": 25.0,
        "string_voltage_difference": 0.012,
        "soc": 50.0,
        "over_current": 0.0,
        "dtc_count": 0.0,
        "cell_imbalance": 0.0,
        "cell_voltage[96]": 3.69,
        "cell_voltage_max": 3.69,
        "soh": 96.0,
        "discharge_power_continuous": 27_000.0,
    }
    assert expected.met_by({**healthy, **fault.signals(healthy)}, before=healthy)
    assert not expected.met_by(healthy, before=healthy)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"kind": "over_temprature", "cell": 1, "to_c": 50}, "over_temperature"),
        ({"cell": 1}, "unknown kind None"),
        ({"kind": "over_temperature", "cell": 1, "to_degc": 50}, "to_c"),
        ({"kind": "over_temperature", "cell": 1}, "'to_c' is missing"),
        ({"kind": "over_temperature", "cell": 0, "to_c": 50}, "number from 1 to 1000"),
        ({"kind": "over_temperature", "cell": 1001, "to_c": 50}, "number from 1 to 1000"),
        ({"kind": "over_temperature", "cell": 1.5, "to_c": 50}, "not a whole number"),
        ({"kind": "over_temperature", "cell": 1, "to_c": "hot"}, "is not a number from -40 to 150"),
        ({"kind": "over_temperature", "cell": 1, "to_c": float("nan")}, "is not a number from -40 to 150"),
        ({"kind": "over_temperature", "cell": True, "to_c": 50}, "not a whole number"),
        ({"kind": "emi_noise", "loss_pct": 101}, "number from 0 to 100"),
        ({"kind": "emi_noise", "flip_pct": -1}, "number from 0 to 100"),
        ({"kind": "emi_noise", "loss_pct": 5, "burst_frames": 0}, "number from 1 to 1000"),
        ({"kind": "emi_noise", "loss_pct": 5, "longest_gap": -1}, "number from 0 to 1000"),
        ({"kind": "emi_noise", "loss_pct": 5, "longest_gap": 2, "burst_frames": 3}, "single losses, not bursts"),
        ({"kind": "emi_noise"}, "disturbs nothing"),
        ({"kind": "soc_divergence", "by_pct": 120}, "number from -100 to 100"),
        ({"kind": "string_voltage_difference", "to_mv": -1}, "number from 0 to 20000"),
        ({"kind": "thermal_gradient", "to_k": 8, "module": 1001}, "number from 1 to 1000"),
    ],
)
def test_wrong_data_is_named_with_what_would_be_right(data, message):
    with pytest.raises(BenchError) as raised:
        from_dict(data)
    assert message in str(raised.value)


def test_ramps_start_at_what_was_seen_and_end_at_the_full_value():
    seen = {"cell_temperature_max": 30.0, "string_voltage_difference": 0.02}
    hot = OverTemperature(cell=2, to_c=40, ramp_k_per_s=5)
    assert hot.senses(1.0, seen) == {("cell_temperature", 2): 35.0}
    assert hot.senses(9.0, seen) == {("cell_temperature", 2): 40.0}
    assert hot.full_after_s(seen) == 2.0
    assert (
        StringVoltageDifference(320, ramp_mv_per_s=100).senses(1.0, seen)[("string_voltage_difference", None)] == 0.12
    )
    assert SocDivergence(-10, ramp_pct_per_s=2).senses(1.0, seen) == {("soc_offset", None): -2.0}
    assert OverTemperature(cell=2, to_c=40).full_after_s(seen) == 0.0


def test_relative_faults_follow_what_is_seen():
    assert ThermalGradient(to_k=9).signals({"cell_temperature_min": 20.0})["cell_temperature_max"] == 29.0
    assert SocDivergence(by_pct=30).signals({"soc": 90.0}) == {"soc": 100.0}


@pytest.mark.parametrize(("limit_pct", "times", "loss_pct"), [(10.0, 2.5, 25.0), (28.0, 2.5, 43.0), (90.0, 1.0, 90.0)])
def test_a_noise_above_any_limit_can_be(limit_pct, times, loss_pct):
    assert above(limit_pct, times) == loss_pct
    assert EmiNoise(loss_pct=above(99.0, 2.5)).loss_pct == 99.5
