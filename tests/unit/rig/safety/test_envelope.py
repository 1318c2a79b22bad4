"""The envelope judges values; the watch says once why a rig may not go on, and nothing else."""

import math

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.file.model import Safety
from v2g_bench.rig.safety.envelope import FRAMES, OWN_STALL_S, START_GRACE_S, Envelope, Watch, credible, needed

LIMITS = Safety(
    max_cell_temperature_c=60, max_pack_voltage_v=410, max_current_a=40, max_power_w=11_000, max_at_power_s=30
).model_dump()
CELLS = {"max_cell_voltage_v": 4.2, "min_cell_voltage_v": 2.8}
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
        ({"soc": 1e9}, ""),
        ({"cell_temperature_max": math.nan}, "max_cell_temperature_c"),
        ({"power": math.nan}, "max_power_w"),
        ({"power": -math.inf}, "max_power_w"),
        ({"cell_voltage_max": 4.21}, "max_cell_voltage_v"),
        ({"cell_voltage_max": 4.2, "cell_voltage_min": 2.8}, ""),
        ({"cell_voltage_min": 2.79}, "min_cell_voltage_v"),
        ({"cell_voltage_min": math.nan}, "min_cell_voltage_v"),
    ],
)
def test_the_limits_are_inside_and_what_is_beyond_names_its_key(values, key):
    breach = Envelope(LIMITS | CELLS).breach(values)
    assert key in breach
    assert bool(breach) == bool(key)


def test_a_limit_that_is_no_number_lets_nothing_through():
    assert "max_cell_temperature_c" in Envelope({"max_cell_temperature_c": math.nan}).breach(SOUND)


def test_a_limit_that_is_not_stated_is_not_judged():
    assert Envelope(Safety().model_dump()).breach({"pack_current": 1e6, "pack_voltage": 1e6}) == ""


class Watched:
    """A watch that is looked at every 50 ms, with a sound pack and a living bench unless told otherwise."""

    def __init__(self, **safety):
        self.now_s = 100.0
        self.watch = Watch(LIMITS | safety, self.now_s)
        self.watch.arm(self.now_s)
        self.watch.on_heartbeat(self.now_s)

    def runs(self, for_s, values=SOUND, *, heartbeats=True, looks=True, frames=True):
        """What it says after this time."""
        message, end_s = "", self.now_s + for_s
        while self.now_s < end_s - 1e-9 and not message:
            self.now_s += 0.05
            if heartbeats:
                self.watch.on_heartbeat(self.now_s)
            if frames:
                self.watch.hear_frame(self.now_s)
            if values:
                self.watch.update(values, self.now_s)
            if looks:
                message = self.watch.due(self.now_s)
        return message or self.watch.due(self.now_s)


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


@pytest.mark.parametrize("sound", [25.0, math.nan, None])
def test_a_sensor_that_shows_every_other_time_what_is_sound_is_a_reason(watched, sound):
    values = [SOUND | {"cell_temperature_max": one} for one in (300.0, sound)]
    message = [watched.runs(0.05, values[number % 2]) for number in range(6)]
    assert "300 °C is beyond" in next(filter(None, message))


def test_one_frame_beyond_in_three_is_no_reason(watched):
    hot = SOUND | {"cell_temperature_max": 61.0}
    assert [watched.runs(0.05, hot if number % 3 == 0 else SOUND) for number in range(60)] == [""] * 60


def test_power_is_current_times_voltage_with_the_losses_allowed_for(watched):
    rated_discharge = SOUND | {"pack_current": -11_000 / 0.97 / 350}
    assert watched.runs(1.0, rated_discharge) == ""
    assert "max_power_w" in watched.runs(1.0, SOUND | {"pack_current": -1.11 * 11_000 / 350})


def test_current_that_flows_for_too_long(watched):
    assert watched.runs(29.0) == ""
    assert watched.runs(0.1, SOUND | {"pack_current": 0.05}) == ""
    assert watched.runs(29.0) == ""
    assert "longer than 30 s" in watched.runs(2.0)


def test_a_current_that_changes_its_sign_has_not_ended(watched):
    message = ""
    for _ in range(7):
        message = message or watched.runs(2.0) or watched.runs(0.05, SOUND | {"pack_current": 0.05})
        message = message or watched.runs(2.5, SOUND | {"pack_current": 10.0})
    assert "longer than 30 s" in message


@pytest.mark.parametrize("role", ["time_s", "contactor_state", "pack_current", "cell_temperature_max"])
@pytest.mark.parametrize("value", [10**400, -(10**400), math.inf, math.nan, True])
def test_what_is_no_number_of_this_world_is_not_credible(role, value):
    assert credible({role: value}) == {}


NOT_HEARD = {
    "missing": None,
    "not a number": math.nan,
    "infinite": math.inf,
    "minus infinite": -math.inf,
    "no number": "25",
    "a flag": True,
    "null": "null",
    "impossible": 1e9,
    "impossible, low": -1e9,
}


def without(role, how):
    rest = {key: value for key, value in SOUND.items() if key != role}
    return rest if how == "missing" else rest | {role: None if how == "null" else NOT_HEARD[how]}


@pytest.mark.parametrize("how", NOT_HEARD)
@pytest.mark.parametrize("role", SOUND)
def test_each_quantity_has_an_age_of_its_own(watched, role, how):
    """All others, and the frames of the BMS, go on as before."""
    assert watched.runs(2.0) == ""
    assert watched.runs(0.9, without(role, how)) == ""
    message = watched.runs(0.2, without(role, how))
    assert message.startswith("no credible value for 1 s: ")
    assert [one for one in SOUND if f"({one})" in message] == [role]


@pytest.mark.parametrize("role", SOUND)
def test_a_quantity_that_comes_again_in_time_is_young_again(watched, role):
    for _ in range(20):
        assert watched.runs(0.9, without(role, "not a number")) == ""
        assert watched.runs(0.05) == ""


@pytest.mark.parametrize("how", NOT_HEARD)
@pytest.mark.parametrize("role", SOUND)
def test_a_quantity_that_never_comes_is_a_reason_after_the_start(watched, role, how):
    assert watched.runs(START_GRACE_S - 0.1, without(role, how)) == ""
    message = watched.runs(0.2, without(role, how))
    assert message.startswith(f"no credible value at all for {START_GRACE_S:g} s: ")
    assert [one for one in SOUND if f"({one})" in message] == [role]


def test_each_quantity_has_a_timeout_of_its_own(watched):
    watched.watch.expect({"cell_temperature_max": 0.5, "pack_current": 2.0})
    assert watched.runs(1.0) == ""
    assert watched.runs(0.45, {}) == ""
    assert "for 0.5 s: cell temperature (cell_temperature_max)" in watched.runs(0.1, {})
    temperature = {"cell_temperature_max": 25.0}
    assert watched.runs(0.5, SOUND) == ""
    assert watched.runs(1.9, temperature) == ""
    assert "for 2 s: pack current (pack_current)" in watched.runs(0.2, temperature)


def test_nothing_is_waited_for_that_no_limit_needs():
    assert needed({"max_cell_temperature_c": 60.0, "max_current_a": None}) == {
        "cell_temperature_max": ["max_cell_temperature_c"]
    }
    power = needed(Safety(max_cell_voltage_v=4.2).model_dump())
    assert power["pack_current"] == ["max_power_w", "max_at_power_s"]
    assert power["pack_voltage"] == ["max_power_w"]
    assert power["cell_voltage_max"] == ["max_cell_voltage_v"]
    assert "cell_voltage_min" not in power


def test_a_maximum_below_its_minimum_is_neither_of_them():
    crossed = {"cell_temperature_max": 20.0, "cell_temperature_min": 30.0, "pack_voltage": 350}
    assert credible(crossed) == {"pack_voltage": 350.0}
    assert credible({"cell_voltage_max": 3.7, "cell_voltage_min": 3.7}) == {
        "cell_voltage_max": 3.7,
        "cell_voltage_min": 3.7,
    }


@pytest.mark.parametrize("cell_c", [61.0, 300.0, 1500.0])
def test_a_cell_that_burns_is_no_impossible_value(watched, cell_c):
    assert "max_cell_temperature_c" in watched.runs(0.1, SOUND | {"cell_temperature_max": cell_c})


def test_a_silent_bms_is_a_reason_unless_a_test_silences_it(watched):
    watched.watch.expect({FRAMES: 1.0, "pack_current": 1.0})
    assert watched.runs(1.0) == ""
    watched.watch.allow_silence(True, watched.now_s)
    assert watched.runs(10.0, frames=False) == ""
    watched.watch.allow_silence(False, watched.now_s)
    assert watched.runs(0.9, frames=False) == ""
    assert "no sound frame of the BMS for 1 s" in watched.runs(0.2, frames=False)


def test_what_is_physical_is_never_silenced(watched):
    watched.watch.expect({FRAMES: 1.0, "pack_current": 1.0})
    assert watched.runs(1.0) == ""
    watched.watch.allow_silence(True, watched.now_s)
    assert watched.runs(1.2, {}, frames=False) == "no credible value for 1 s: pack current (pack_current)"


def test_all_that_are_missing_are_named(watched):
    watched.watch.expect({FRAMES: 1.0} | dict.fromkeys(SOUND, 1.0))
    assert watched.runs(1.0) == ""
    assert watched.runs(1.2, {}, frames=False) == (
        "no sound frame of the BMS for 1 s; no credible value for 1 s: cell temperature (cell_temperature_max), "
        "pack voltage (pack_voltage), pack current (pack_current)"
    )


def test_a_watch_that_hears_is_awake_even_where_it_is_seldom_asked():
    watch = Watch(LIMITS, 0.0)
    watch.arm(0.0)
    for hundredth in range(1000):
        watch.update({"pack_voltage": 350.0, "cell_temperature_max": math.nan}, hundredth / 100)
    assert watch.due(10.0) != ""


def test_a_bench_without_a_heartbeat_is_a_reason(watched):
    assert watched.runs(4.9, heartbeats=False) == ""
    assert "no sign of life for 5 s" in watched.runs(0.3, heartbeats=False)


def test_what_was_missed_while_the_watch_itself_stood_still_is_held_against_nobody(watched):
    watched.runs(0.2, SOUND | {"pack_current": 0.0})  # current that flowed meanwhile did flow
    watched.now_s += 30.0  # the machine was asleep
    assert watched.runs(OWN_STALL_S, None, heartbeats=False) == ""
    assert watched.runs(5.0, None, heartbeats=False) != ""


def test_a_test_that_outlives_its_time(watched):
    watched.watch.deadline(watched.now_s + 3.0)
    assert watched.runs(2.9) == ""
    assert "has not ended in its time" in watched.runs(0.2)
    watched.watch.deadline(None)
    assert watched.runs(1.0) == ""


def test_before_it_is_armed_only_the_bench_is_watched():
    watch = Watch(LIMITS, 0.0)
    watch.update(SOUND | {"cell_temperature_max": 99.0}, 0.0)
    watch.update(SOUND | {"cell_temperature_max": 99.0}, 0.01)
    assert watch.due(0.1) == ""
    for tenth in range(1, 300):
        assert watch.due(tenth / 10) == ""


@pytest.mark.parametrize("key", sorted(LIMITS))
@pytest.mark.parametrize("limit", [float("nan"), float("inf"), -float("inf"), True, "60", 10**400])
def test_a_limit_that_nothing_can_be_beyond_is_refused_by_the_watch_as_well(key, limit):
    with pytest.raises(BenchError, match=rf"\[safety\] {key}: .* is not a number"):
        Watch(LIMITS | {key: limit}, 0.0)
