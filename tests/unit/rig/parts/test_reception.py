"""What an open rig says of the bus: values, and why a time on it is not to be trusted."""

from types import SimpleNamespace

import pytest

from v2g_bench.can.columns import FrameStore
from v2g_bench.clock import SimClock
from v2g_bench.errors import BenchError
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.parts.reception import TIMESTAMP_HALF_WIDTH_S, Node, Reception


class Capture:
    """A bus with what was put on it; nothing more comes."""

    def __init__(self):
        self.store, self.lost, self.step_s = FrameStore(), 0, None
        self.wall = SimpleNamespace(step_between=lambda from_s, to_s: self.step_s)

    def frames(self, since_s):
        return self.store.since(since_s)

    def wait_for(self, fits, since_s, timeout_s):
        found = self.store.since(since_s)
        for position in range(len(found)):
            if fits(found.frame(position)):
                return found.frame(position)
        raise TimeoutError


class Listener:
    """A bus that is sick since `since_s`."""

    since_s = None

    def require(self, began_s):
        if self.since_s is not None and self.since_s >= began_s:
            raise BenchError("bus.main", "bus-off")


class World:
    """A reception with everything around it; `bus` is what is tested."""

    def __init__(self):
        self.clock, self.capture, self.reason = SimClock(90.0), Capture(), lambda from_s, to_s, tolerated_s: ""
        self.bus = Reception(load_rig("virtual"), self.clock, lambda: None)
        self.clock.advance(10.0)
        self.bus.open_database()
        self.bus.buses = self.buses = Listener()
        self.timestamped("v2g_userland", "")

    def timestamped(self, interface, source):
        monitor = SimpleNamespace(reason=lambda *span: self.reason(*span))  # noqa: PLW0108  (tests replace it)
        self.bus._node = Node(SimpleNamespace(timestamp_source=source), self.capture, monitor, {"interface": interface})


@pytest.fixture
def rig():
    return World()


@pytest.fixture
def send(rig):
    """A sound frame with these roles."""

    def send(at_s, message_of, counter=0, **roles):
        frame = rig.bus.db.encode(rig.bus.db.message_of(message_of).name, roles, counter)
        rig.capture.store.append(at_s, -1, frame.arbitration_id, 0, frame.dlc, bytes(frame.data))

    return send


def test_the_newest_value_counts_and_one_of_a_second_ago_is_none(rig, send):
    send(99.5, "cell_temperature_max", cell_temperature_max=30.0)
    send(99.6, "cell_temperature_max", counter=1, cell_temperature_max=31.0)
    assert rig.bus.latest("cell_temperature_max") == pytest.approx(31.0)
    rig.clock.advance(0.7)
    with pytest.raises(BenchError, match=r"role cell_temperature_max: no frame with it came lately"):
        rig.bus.latest("cell_temperature_max")


def test_frames_that_are_shorter_than_the_database_states_are_told_from_silence(rig):
    spec = rig.bus.db.message_of("cell_temperature_max")
    rig.capture.store.append(99.5, -1, spec.frame_id, 0, 8, bytes(8))
    with pytest.raises(BenchError, match=r"BMS_Safety comes with 8 bytes, where the database states 24"):
        rig.bus.latest("cell_temperature_max")


def test_what_the_controller_sent_before_it_was_started_anew_is_not_its_word(rig, send):
    send(99.5, "trip_latched", trip_latched=1.0)
    send(99.5, "cell_temperature_max", cell_temperature_max=30.0)
    assert rig.bus.latest("trip_latched") == 1.0
    rig.bus.begin_controller()  # at 100.0
    rig.clock.advance(0.4)
    assert rig.bus.latest("cell_temperature_max") == pytest.approx(30.0)
    with pytest.raises(BenchError, match="role trip_latched: no frame"):
        rig.bus.latest("trip_latched")
    send(100.3, "trip_latched", counter=1, trip_latched=0.0)
    assert rig.bus.latest("trip_latched") == 0.0


def test_a_role_that_no_database_has_is_no_silence(rig):
    with pytest.raises(BenchError, match="gearbox") as caught:
        rig.bus.latest("gearbox")
    assert "no frame" not in str(caught.value)


def test_waiting_finds_the_first_frame_that_is_accepted_and_none_is_no_error(rig, send):
    for number, temperature_c in enumerate((30.0, 46.0, 47.0)):
        send(99.1 + number / 10, "cell_temperature_max", counter=number, cell_temperature_max=temperature_c)
    hot = rig.bus.wait_for(lambda seen: seen["cell_temperature_max"] > 45.0, 99.0, 1.0)
    assert hot.timestamp_s == pytest.approx(99.2)
    assert rig.bus.wait_for(lambda seen: seen["cell_temperature_max"] > 60.0, 99.0, 1.0) is None


@pytest.mark.parametrize("ask", [lambda rig: rig.bus.latest_all(), lambda rig: rig.bus.disturbed(95.0, 96.0)])
def test_a_bus_that_was_sick_during_the_test_says_nothing(rig, ask):
    rig.buses.since_s = 80.0  # in an earlier test
    ask(rig)
    rig.buses.since_s = 95.0
    with pytest.raises(BenchError, match="bus-off"):
        ask(rig)


def test_nothing_disturbs_a_sound_bus(rig):
    assert rig.bus.disturbed(95.0, 96.0) == ""


def test_a_wall_clock_that_was_set_disturbs(rig):
    rig.capture.step_s = -0.0125
    assert "-12.500 ms" in rig.bus.disturbed(95.0, 96.0)


def test_lost_frames_disturb_the_latency_after_them_and_not_the_next(rig):
    rig.capture.lost = 3
    assert "lost 3 frames" in rig.bus.disturbed(95.0, 96.0)
    assert rig.bus.disturbed(96.0, 97.0) == ""
    rig.capture.lost = 4
    assert "lost 1 frames" in rig.bus.disturbed(97.0, 98.0)


def test_a_stall_disturbs(rig):
    rig.reason = lambda from_s, to_s, tolerated_s: f"stalled between {from_s:g} and {to_s:g}, {1000 * tolerated_s:g} ms"
    assert rig.bus.disturbed(95.0, 96.0) == "stalled between 95 and 96, 2 ms"


def test_a_gateway_that_lost_frames_is_an_error(rig):
    def lossy():
        raise BenchError("gateway", "lost 2 frames")

    rig.bus.behind(SimpleNamespace(require_alive=lambda: None, require_whole=lossy))
    with pytest.raises(BenchError, match="lost 2 frames"):
        rig.bus.disturbed(95.0, 96.0)


@pytest.mark.parametrize(
    ("interface", "source", "words"),
    [
        ("v2g_userland", "", "kernel stamp at the sender's send(), userland bus"),
        ("socketcan", "hardware", "hardware stamp, joined to the bench clock, SocketCAN"),
        ("socketcan", "kernel", "kernel stamp at receive, SocketCAN"),
    ],
)
def test_a_stamp_says_what_made_it(rig, interface, source, words):
    rig.timestamped(interface, source)
    timestamp = rig.bus.timestamp(99.0)
    assert (timestamp.time_s, timestamp.half_width_s) == (99.0, TIMESTAMP_HALF_WIDTH_S)
    assert words in str(vars(timestamp).values())
