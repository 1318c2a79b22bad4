"""The envelope judges values; the watch says once why a rig may not go on, and nothing else."""

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.envelope import OWN_STALL_S, Envelope, Watch
from v2g_bench.rig.model import Safety

LIMITS = Safety(
    max_cell_temperature_c=60, max_pack_voltage_v=410, max_current_a=40, max_power_w=11_000, max_at_power_s=30
).model_dump()
SOUND = {"cell_temperature_max": 25.0, "pack_voltage": 350.0, "pack_current": -10.0}


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"cell_temperature_max": 60.0}, ""),
        ({"cell_temperature_max": 60.1}, "max_cell_temperature_c"),
        ({"cell_temperature_max": -70.0}, ""),
        ({"pack_voltage": 410.0}, ""),
        ({"pack_voltage": 410.1}, "max_pack_voltage_v"),
        ({"pack_current": 40.0}, ""),
        ({"pack_current": -40.1}, "max_current_a"),
        ({"pack_current": 40.1}, "max_current_a"),
        ({"power": -11_001.0}, "max_power_w"),
        ({"soc": 1e9, "cell_temperature_max": float("nan")}, ""),
    ],
)
def test_the_limits_are_inside_and_what_is_beyond_names_its_key(values, key):
    assert key in Envelope(LIMITS).breach(values)
    assert bool(Envelope(LIMITS).breach(values)) == bool(key)


def test_a_limit_that_is_not_stated_is_not_judged():
    assert Envelope(Safety().model_dump()).breach({"pack_current": 1e6, "pack_voltage": 1e6}) == ""


class Watched:
    """A watch that is looked at every 50 ms, with a sound pack and a living bench unless told otherwise."""

    def __init__(self, **safety):
        self.now_s = 100.0
        self.watch = Watch(LIMITS | safety, self.now_s)
        self.watch.arm(self.now_s)
        self.watch.beat(self.now_s)

    def runs(self, for_s, values=SOUND, *, beats=True, looks=True):
        """What it says after this time."""
        said, end_s = "", self.now_s + for_s
        while self.now_s < end_s - 1e-9 and not said:
            self.now_s += 0.05
            if beats:
                self.watch.beat(self.now_s)
            if values:
                self.watch.hear(values, self.now_s)
            if looks:
                said = self.watch.due(self.now_s)
        return said or self.watch.due(self.now_s)


@pytest.fixture
def watched():
    return Watched()


def test_a_sound_rig_goes_on(watched):
    assert watched.runs(29.0) == ""


def test_two_frames_beyond_are_a_reason_and_one_is_not(watched):
    hot = SOUND | {"cell_temperature_max": 61.0}
    assert watched.runs(0.05, hot) == ""
    assert watched.runs(0.05) == ""
    assert watched.runs(0.05, hot) == ""
    assert "61 °C is beyond the rig's 60 °C" in watched.runs(0.05, hot)


def test_frames_that_say_nothing_of_a_limit_do_not_clear_it(watched):
    watched.runs(0.05, {"cell_temperature_max": 61.0})
    watched.runs(0.05, {"soc": 50.0})
    assert "max_cell_temperature_c" in watched.runs(0.05, {"cell_temperature_max": 61.0})


def test_power_is_current_times_voltage_with_the_losses_allowed_for(watched):
    rated_discharge = SOUND | {"pack_current": -11_000 / 0.97 / 350}
    assert watched.runs(1.0, rated_discharge) == ""
    assert "max_power_w" in watched.runs(1.0, SOUND | {"pack_current": -1.11 * 11_000 / 350})


def test_current_that_flows_for_too_long(watched):
    assert watched.runs(29.0) == ""
    assert watched.runs(0.1, SOUND | {"pack_current": 0.05}) == ""
    assert watched.runs(29.0) == ""
    assert "longer than 30 s" in watched.runs(2.0)


def test_a_silent_bms_is_a_reason_unless_a_test_silences_it(watched):
    watched.watch.allow_silence(True, watched.now_s)
    assert watched.runs(10.0, None) == ""
    watched.watch.allow_silence(False, watched.now_s)
    assert watched.runs(0.9, None) == ""
    assert "no sound frame of the BMS for 1 s" in watched.runs(0.2, None)


def test_a_bench_without_a_heartbeat_is_a_reason(watched):
    assert watched.runs(4.9, beats=False) == ""
    assert "no sign of life for 5 s" in watched.runs(0.3, beats=False)


def test_what_was_missed_while_the_watch_itself_stood_still_is_held_against_nobody(watched):
    watched.runs(0.2, SOUND | {"pack_current": 0.0})  # current that flowed meanwhile did flow
    watched.now_s += 30.0  # the machine was asleep
    assert watched.runs(OWN_STALL_S, None, beats=False) == ""
    assert watched.runs(5.0, None, beats=False) != ""


def test_a_test_that_outlives_its_time(watched):
    watched.watch.deadline(watched.now_s + 3.0)
    assert watched.runs(2.9) == ""
    assert "has not ended in its time" in watched.runs(0.2)
    watched.watch.deadline(None)
    assert watched.runs(1.0) == ""


def test_before_it_is_armed_only_the_bench_is_watched():
    watch = Watch(LIMITS, 0.0)
    watch.hear(SOUND | {"cell_temperature_max": 99.0}, 0.0)
    watch.hear(SOUND | {"cell_temperature_max": 99.0}, 0.01)
    assert watch.due(0.1) == ""
    for tenth in range(1, 300):
        assert watch.due(tenth / 10) == ""


@pytest.mark.parametrize("key", sorted(LIMITS))
@pytest.mark.parametrize("limit", [float("nan"), float("inf"), -float("inf"), True, "60", 10**400])
def test_a_limit_that_nothing_can_be_beyond_is_refused_by_the_watch_as_well(key, limit):
    with pytest.raises(BenchError, match=rf"\[safety\] {key}: .* is not a number"):
        Watch(LIMITS | {key: limit}, 0.0)
