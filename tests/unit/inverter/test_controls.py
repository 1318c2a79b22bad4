"""Service, ramps and reversion in simulated time. Powers on the stage's side are the project's: + = charge."""

import pytest

from v2g_bench.inverter.controls import RAMP_STEP_S, ramped

FOREVER_S = 1e6


def run(remote, from_s, to_s):
    """Tick whenever the map says that it has something to do, as the server does; how often that was."""
    now_s, ticks = from_s, 0
    while (due_s := remote.inverter.next_due_s(now_s)) is not None and due_s <= to_s:
        now_s = max(now_s, due_s)
        remote.inverter.tick(now_s)
        ticks += 1
        assert ticks < 10_000, "the map asks for ticks without end"
    return ticks


def test_it_powers_up_in_service_at_zero_power(build, stage):
    build()
    stage.commands.clear()
    remote = build(at_power_up="START")
    assert remote.inverter.value("715.OpCtl") == 1
    assert stage.reading.running


def test_it_can_wait_for_the_first_start(build, stage):
    remote = build(at_power_up="STOP")
    assert not stage.reading.running
    remote.set_power(3000, 1.0)
    assert stage.taken() == []
    remote.write(2.0, m715_OpCtl=1)
    assert stage.taken() == [("power", -3000.0, 2.0), ("bridge", True, 2.0)]


@pytest.mark.parametrize("stop", [{"m715_OpCtl": 0}, {"m715_OpCtl": 2}, {"m703_ES": 0}])
def test_a_stop_blocks_the_bridge_at_the_time_of_the_write(remote, stage, stop):
    remote.set_power(3000, 1.0)
    stage.taken()
    remote.write(2.5, **stop)
    assert stage.taken() == [("bridge", False, 2.5)]


@pytest.mark.parametrize("start", [{"m715_OpCtl": 1}, {"m715_OpCtl": 3}])
def test_the_set_point_survives_a_stop(remote, stage, start):
    remote.set_power(3000, 1.0)
    remote.write(2.0, m715_OpCtl=2)
    stage.taken()
    remote.write(3.0, **start)
    assert stage.taken() == [("power", -3000.0, 3.0), ("bridge", True, 3.0)]


def test_enter_service_waits_its_delay_and_counts_it_down(remote, stage):
    remote.write(0.0, m703_ESDlyTms=10, m715_OpCtl=0)
    stage.taken()
    remote.write(1.0, m715_OpCtl=1)
    assert remote.read("703.ESDlyRemTms", 4.2) == 7
    assert remote.read("701.InvSt", 4.2) == 2  # starting
    run(remote, 4.2, 10.99)
    assert stage.taken() == []
    run(remote, 10.99, 11.0)
    assert stage.taken() == [("power", 0.0, 11.0), ("bridge", True, 11.0)]
    assert remote.read("703.ESDlyRemTms", 11.0) == 0


def test_a_grid_outside_its_window_starts_the_delay_again(remote, stage):
    remote.write(0.0, m703_ESDlyTms=10, m715_OpCtl=0)
    stage.taken()
    remote.write(0.0, m715_OpCtl=1)
    stage.shows(frequency_hz=50.2)
    run(remote, 0.0, 6.0)
    stage.shows(frequency_hz=50.0)
    run(remote, 6.0, 15.9)
    assert stage.taken() == []
    run(remote, 15.9, 16.2)
    assert [what for what, *_ in stage.taken()] == ["power", "bridge"]


def test_rising_power_is_ramped_and_falling_power_is_not(build, stage):
    remote = build(ramp_pct_per_s=100)  # 11 kW/s
    remote.set_power(1100, 1.0)
    run(remote, 1.0, FOREVER_S)
    powers = [-value for _, value, _ in stage.taken()]
    assert powers == pytest.approx([220, 440, 660, 880, 1100])
    remote.set_power(100, 3.0)
    assert stage.taken() == [("power", -100.0, 3.0)]


def test_a_controller_that_repeats_itself_does_not_outrun_the_ramp(build, stage):
    remote = build(ramp_pct_per_s=100)
    for tenth in range(10):
        remote.set_power(11_000, 1.0 + tenth * RAMP_STEP_S / 10)
    assert -stage.taken()[-1][1] < 11_000 * 2 * RAMP_STEP_S


def test_enter_service_ramps_for_its_own_time(remote, stage):
    remote.set_power(11_000, 0.0)
    remote.write(0.0, m703_ESRmpTms=10, m715_OpCtl=0)
    stage.taken()
    remote.write(1.0, m715_OpCtl=1)
    run(remote, 1.0, 6.0)
    assert -stage.taken()[-1][1] == pytest.approx(5500, rel=0.02)
    run(remote, 6.0, 12.0)
    assert stage.taken()[-1][1] == -11_000


@pytest.mark.parametrize(
    ("start", "target", "step", "reached"),
    [(0, 100, 30, 30), (0, -100, 30, -30), (90, 100, 30, 100), (100, 20, 30, 20), (100, -100, 30, -30), (-50, 0, 9, 0)],
)
def test_one_step_of_a_ramp(start, target, step, reached):
    assert ramped(start, target, step) == reached


class TestReversion:
    """What the power does when the controller falls silent."""

    @pytest.fixture
    def armed(self, remote, stage):
        remote.write(0.0, m704_WSetRvrt=-500, m704_WSetEnaRvrt=1, m704_WSetRvrtTms=30)
        remote.set_power(3000, 10.0)
        stage.taken()
        return remote

    def test_it_counts_down_in_whole_seconds_rounded_up(self, armed):
        assert armed.read("704.WSetRvrtRem", 10.0) == 30
        assert armed.read("704.WSetRvrtRem", 25.5) == 15
        assert armed.read("704.WSetRvrtRem", 39.999) == 1

    def test_nothing_happens_before_its_time(self, armed, stage):
        run(armed, 10.0, 39.999)
        assert stage.taken() == []

    def test_it_takes_the_reversion_set_point(self, armed, stage):
        run(armed, 10.0, 40.0)
        assert stage.taken() == [("power", 500.0, 40.0)]  # SunSpec -500: charge at 500 W
        assert armed.read("704.WSet", 40.0) == -500
        assert armed.read("704.WSetRvrtRem", 40.0) == 0
        assert armed.inverter.next_due_s(40.0) is None

    def test_each_new_set_point_starts_it_again(self, armed, stage):
        armed.set_power(2000, 39.0)
        stage.taken()
        run(armed, 39.0, 68.9)
        assert stage.taken() == []
        run(armed, 68.9, 69.0)
        assert stage.taken() == [("power", 500.0, 69.0)]

    def test_other_writes_do_not(self, armed, stage):
        armed.write(39.0, m715_ControllerHb=5, m704_WMaxLimPct=900)
        stage.taken()
        run(armed, 39.0, 40.0)
        assert stage.taken() == [("power", 500.0, 40.0)]

    def test_switching_the_function_off_stops_it(self, armed, stage):
        armed.write(20.0, m704_WSetEna=0)
        stage.taken()
        run(armed, 20.0, 100.0)
        assert stage.taken() == []

    def test_it_can_switch_the_function_off(self, armed, stage):
        armed.write(11.0, m704_WSetEnaRvrt=0)
        run(armed, 11.0, 100.0)
        assert stage.taken()[-1][:2] == ("power", 0.0)

    def test_a_write_after_its_end_finds_it_reverted(self, armed, stage):
        armed.write(41.0, m704_WSetMod=1)  # no tick in between
        assert stage.taken()[0] == ("power", 500.0, 41.0)

    def test_the_generation_limit_has_its_own(self, remote, stage):
        remote.write(0.0, m704_WMaxLimPctRvrt=1000, m704_WMaxLimPctEnaRvrt=1, m704_WMaxLimPctRvrtTms=5)
        remote.set_power(11_000, 0.0)
        remote.write(1.0, m704_WMaxLimPct=200, m704_WMaxLimPctEna=1)
        assert stage.taken()[-1] == ("power", -2200.0, 1.0)
        assert remote.read("704.WMaxLimPctRvrtRem", 2.0) == 4
        run(remote, 2.0, 6.0)
        assert stage.taken() == [("power", -11_000.0, 6.0)]


class TestHeartbeat:
    """715.ControllerHb: silence after the first beat reverts the power."""

    @pytest.fixture
    def beating(self, build, stage):
        remote = build(heartbeat_timeout_s=3.0)
        remote.set_power(3000, 0.0)
        run(remote, 0.0, 100.0)
        stage.taken()
        remote.write(100.0, m715_ControllerHb=1)
        return remote

    def test_silence_reverts(self, beating, stage):
        run(beating, 100.0, 102.9)
        assert stage.taken() == []
        run(beating, 102.9, 103.0)
        assert stage.taken() == [("power", 0.0, 103.0)]

    def test_a_beat_in_time_keeps_the_power(self, beating, stage):
        for second in range(1, 10):
            beating.write(100.0 + second, m715_ControllerHb=1 + second)
        run(beating, 109.0, 111.9)
        assert stage.taken() == []

    def test_the_same_number_again_is_no_beat(self, beating, stage):
        beating.write(102.0, m715_ControllerHb=1)
        run(beating, 102.0, 103.0)
        assert stage.taken() == [("power", 0.0, 103.0)]
