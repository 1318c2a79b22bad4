"""The register map: live values, refusals, atomicity, sign, alarms."""

import math

import pytest

from v2g_bench.inverter import port, sunspec
from v2g_bench.inverter.codes import ModbusException


def refused(code, action, *arguments, **keywords):
    with pytest.raises(ModbusException) as refusal:
        action(*arguments, **keywords)
    assert refusal.value.code == code, str(refusal.value)


def sign_is_right(remote, stage):
    """A charge is negative in SunSpec, and a negative SunSpec set-point charges."""
    stage.shows(ac_power_w=3000.0, dc_current_a=8.0, running=True)
    measured = remote.read("701.W", 1.0) == -3000 and remote.read("714.DCA", 1.0) == -8
    stage.taken()
    remote.set_power(-3000, 1.0)
    return measured and stage.taken() == [("power", 3000.0, 1.0)]


def test_sign(remote, stage):
    assert sign_is_right(remote, stage)


@pytest.mark.parametrize("module", ["sunspec", "controls"])
def test_a_lost_sign_is_seen(remote, stage, monkeypatch, module):
    monkeypatch.setattr(f"v2g_bench.inverter.{module}.turned", lambda signed: signed)
    assert not sign_is_right(remote, stage)


def test_a_set_point_reaches_the_stage_before_the_write_returns(remote, stage):
    remote.set_power(3000, 12.345)
    assert stage.taken() == [("power", -3000.0, 12.345)]


def test_measurements_are_of_the_moment(remote, stage):
    stage.shows(ac_power_w=-2995.0, ac_voltage_v=231.4, frequency_hz=49.987, dc_voltage_v=355.2, soc_pct=51.27)
    assert remote.read("701.W", 1.0) == 2995
    assert remote.read("701.LNV", 1.0) == pytest.approx(231.4)
    assert remote.read("701.Hz", 1.0) == pytest.approx(49.987)
    assert remote.read("701.A", 1.0) == pytest.approx(12.9)
    assert remote.read("713.SoC", 1.0) == pytest.approx(51.27)
    assert remote.read("714.Prt[0].DCV", 1.0) == pytest.approx(355.2)
    stage.shows(ac_power_w=-100.0)
    assert remote.read("701.W", 1.0) == 100


def test_one_read_of_the_model_is_enough(remote, stage):
    stage.shows(ac_power_w=-1234.0)
    registers = remote.inverter.read(remote.inverter.address("701.ID"), 125, 1.0)
    assert registers[10] == 1234


def test_what_nobody_measures_reads_not_implemented(remote, stage):
    stage.shows(frequency_hz=math.nan, soc_pct=math.nan)
    inverter = remote.inverter
    assert inverter.read(inverter.address("701.Hz"), 2, 1.0) == [0xFFFF, 0xFFFF]
    assert inverter.read(inverter.address("713.SoC"), 1, 1.0) == [0xFFFF]
    assert inverter.read(inverter.address("701.Var"), 1, 1.0) == [0x8000]
    assert inverter.read(inverter.address("701.TotWhInj"), 4, 1.0) == [0xFFFF] * 4
    assert inverter.read(inverter.address("701.MnAlrmInfo"), 32, 1.0) == [0] * 32


def test_states(remote, stage):
    assert [remote.read(f"701.{name}", 0.0) for name in ("St", "InvSt", "ConnSt")] == [1, 3, 1]
    remote.write(1.0, m715_OpCtl=2)
    assert [remote.read(f"701.{name}", 1.0) for name in ("St", "InvSt", "ConnSt")] == [0, 7, 0]
    remote.write(2.0, m715_OpCtl=0)
    assert remote.read("701.InvSt", 2.0) == 0


def test_the_inverter_has_a_heartbeat(remote):
    assert [remote.read("715.DERHb", now_s) for now_s in (0.0, 0.9, 1.0, 61.5)] == [0, 0, 1, 61]


@pytest.mark.parametrize(
    ("key", "words", "code"),
    [
        ("704.WSetMod", [2], 3),
        ("704.WSetEna", [0xFFFF], 3),
        ("704.WSet", [0, 11_001], 3),
        ("704.WSet", [0x8000, 0], 3),  # "not implemented" is no set-point
        ("704.WSetPct", [1001], 3),
        ("704.WMaxLimPct", [1001], 3),
        ("704.WRmp", [0], 3),
        ("704.WRmpRef", [0], 3),
        ("702.WMax", [11_001], 3),
        ("702.WMax", [0], 3),
        ("703.ES", [2], 3),
        ("715.OpCtl", [4], 3),
        ("715.AlarmReset", [2], 3),
        ("1.DA", [9], 3),
        ("704.WSet", [0], 3),
        ("701.W", [0], 2),
        ("702.WMaxRtg", [9000], 2),
        ("704.VarSetEna", [1], 2),
        ("704.PFWInj.PF", [900], 2),
        ("715.LocRemCtl", [1], 2),
    ],
)
def test_refusals(remote, stage, key, words, code):
    inverter = remote.inverter
    before = inverter._image.read(40000, 400)
    refused(code, inverter.write, inverter.address(key), words, 1.0)
    assert inverter._image.read(40000, 400) == before
    assert stage.taken() == []


@pytest.mark.parametrize(
    "words",
    [
        [1, 1, 0, 20_000],  # the last value is too large
        [1, 9, 0, 3000],  # one in the middle is no state
        [1, 1, 0, 3000, 0, 0, 0, 0, 0, 0, 0, 0, 0],  # it ends in a read-only countdown
        [1, 1, 0],  # it ends inside a value
    ],
)
def test_a_write_takes_effect_as_a_whole_or_not_at_all(remote, stage, words):
    remote.set_power(500, 0.0)
    stage.taken()
    inverter = remote.inverter
    before = inverter._image.read(40000, 400)
    with pytest.raises(ModbusException):
        inverter.write(inverter.address("704.WSetEna"), words, 1.0)
    assert inverter._image.read(40000, 400) == before
    assert stage.taken() == []


def test_percent_of_the_maximum(remote, stage):
    remote.write(1.0, m704_WSetMod=0, m704_WSetPct=-250 & 0xFFFF, m704_WSetEna=1)
    assert stage.taken()[-1] == ("power", 2750.0, 1.0)


def test_settings_throttle_and_say_so(remote, stage):
    remote.set_power(3000, 0.0)
    remote.write(1.0, m704_WMaxLimPct=200, m704_WMaxLimPctEna=1)
    assert stage.taken()[-1] == ("power", -2200.0, 1.0)
    stage.shows(ac_power_w=-2200.0)
    assert remote.read("701.InvSt", 1.0) == 4
    assert (remote.read("701.ThrotPct", 1.0), remote.read("701.ThrotSrc", 1.0)) == (7, 1)
    remote.set_power(-3000, 2.0)  # the limit is one of generation: charging passes
    assert stage.taken()[-1] == ("power", 3000.0, 2.0)
    remote.write(3.0, m702_WChaRteMax=1000)
    assert stage.taken()[-1] == ("power", 1000.0, 3.0)


def test_local_control_refuses_all_but_the_heartbeat(remote, stage):
    remote.inverter.set_local(True)
    assert remote.read("715.LocRemCtl", 1.0) == 1
    refused(4, remote.set_power, 3000, 1.0)
    refused(4, remote.write, 1.0, m715_OpCtl=0)
    remote.write(1.0, m715_ControllerHb=7)
    assert stage.taken() == []
    remote.inverter.set_local(False)
    remote.set_power(3000, 2.0)
    assert stage.taken() == [("power", -3000.0, 2.0)]


def test_an_alarm_latches_until_it_is_reset(remote, stage):
    remote.set_power(3000, 0.0)
    stage.taken()
    remote.inverter.trip(1 << 7, 1.0)
    assert stage.taken() == [("bridge", False, 1.0)]
    assert (remote.read("701.Alrm", 1.0), remote.read("701.InvSt", 1.0)) == (1 << 7, 6)
    remote.write(2.0, m715_OpCtl=1)
    assert stage.taken() == []
    remote.write(3.0, m715_AlarmReset=1)
    assert stage.taken() == [("power", -3000.0, 3.0), ("bridge", True, 3.0)]
    assert (remote.read("701.Alrm", 3.0), remote.read("715.AlarmReset", 3.0)) == (0, 0)


def test_a_trip_of_the_stage_cannot_be_reset_while_it_lasts(remote, stage):
    stage.shows(fault=True)
    assert remote.read("701.InvSt", 1.0) == 6
    assert remote.read("701.Alrm", 1.0) == sunspec.MANUFACTURER_ALARM
    stage.taken()
    refused(4, remote.write, 2.0, m715_AlarmReset=1)
    stage.shows(fault=False)
    remote.write(3.0, m715_AlarmReset=1)
    assert stage.taken()[-1] == ("bridge", True, 3.0)


def test_a_power_cycle_forgets(remote, stage):
    remote.set_power(3000, 0.0)
    remote.inverter.trip(1, 1.0)
    remote.inverter.power_cycle(2.0)
    assert stage.taken()[-3:] == [("bridge", False, 2.0), ("power", 0.0, 2.0), ("bridge", True, 2.0)]
    assert remote.read("701.Alrm", 2.0) == 0
    assert remote.read("704.WSetEna", 2.0) == 0


def test_the_stage_port_is_what_the_bench_measures_by():
    assert port.turned(3000) == -3000
