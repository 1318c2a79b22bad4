"""ISO-TP against the library can-isotp, frame by frame, in both directions."""

import time
from collections import deque

import isotp
import pytest

from v2g_bench.can.isotp import FLOW_TIMEOUT_S, LONGEST, Reassembly, Sending, padded_length, single_frame

LENGTHS = [1, 7, 8, 11, 61, 62, 63, 64, 200, 600, LONGEST]


class Library:
    """can-isotp without a bus: frames go in and come out by hand."""

    def __init__(self, frame_bytes: int) -> None:
        self.given: deque[bytes] = deque()
        self.sent: deque[bytes] = deque()
        address = isotp.Address(isotp.AddressingMode.Normal_11bits, txid=1, rxid=2)
        params = {"tx_data_length": frame_bytes, "can_fd": frame_bytes > 8, "blocksize": 3, "stmin": 0}
        self.layer = isotp.TransportLayerLogic(
            self._take, lambda msg: self.sent.append(bytes(msg.data)), address, params=params
        )

    def _take(self, timeout: float) -> isotp.CanMessage | None:
        return isotp.CanMessage(arbitration_id=2, data=self.given.popleft()) if self.given else None

    def turn(self) -> None:
        self.layer.process()


def exchange(library: Library, until, ours) -> None:
    """Let both ends talk until the condition holds."""
    bound_s = time.monotonic() + 5
    while not until():
        assert time.monotonic() < bound_s, "no end"
        library.turn()
        while library.sent:
            library.given.extend(ours(library.sent.popleft()))


@pytest.mark.parametrize("frame_bytes", [8, 64])
@pytest.mark.parametrize("length", LENGTHS)
def test_what_is_sent_is_what_the_library_receives(frame_bytes, length):
    payload, library = bytes(number % 251 for number in range(length)), Library(frame_bytes)
    sending = Sending(payload, frame_bytes)
    first = sending.begin(0.0)
    library.given.append(first.ljust(padded_length(len(first)), b"\xcc"))

    def ours(frame: bytes) -> list[bytes]:
        return [data.ljust(padded_length(len(data)), b"\xcc") for _, data in sending.on_flow_control(frame, 0.0)]

    exchange(library, library.layer.available, ours)
    assert library.layer.recv() == payload
    assert sending.waiting_since_s is None


@pytest.mark.parametrize("frame_bytes", [8, 64])
@pytest.mark.parametrize("length", LENGTHS)
def test_what_the_library_sends_is_what_is_received(frame_bytes, length):
    payload, library, incoming = bytes(number % 251 for number in range(length)), Library(frame_bytes), Reassembly()
    found: list[bytes] = []
    library.layer.send(payload)

    def ours(frame: bytes) -> list[bytes]:
        whole, flow = incoming.take(frame)
        found.extend([whole] if whole is not None else [])
        return [flow] if flow is not None else []

    exchange(library, lambda: bool(found), ours)
    assert found == [payload]


@pytest.mark.parametrize("frame", ["", "00", "0f" + "00" * 7, "0801", "3000", "2100", "1008"])
def test_a_frame_without_sense_gives_nothing(frame):
    assert Reassembly().take(bytes.fromhex(frame)) == (None, None)


def test_a_lost_consecutive_frame_ends_the_payload():
    sending, incoming = Sending(bytes(40), 8), Reassembly()
    incoming.take(sending.begin(0.0))
    frames = [frame for _, frame in sending.on_flow_control(b"\x30\x00\x00", 0.0)]
    assert [incoming.take(frame) for frame in [frames[0], *frames[2:]]] == [(None, None)] * (len(frames) - 1)


def test_separation_wait_overflow_and_silence():
    assert [delay for delay, _ in _began().on_flow_control(b"\x30\x02\x05", 0.0)] == [0.0, 0.005]
    assert [delay for delay, _ in _began().on_flow_control(b"\x30\x02\xf3", 0.0)] == [0.0, pytest.approx(0.0003)]
    waiting = _began()
    assert list(waiting.on_flow_control(b"\x31\x00\x00", 0.5)) == []
    assert waiting.waiting_since_s == 0.5
    full = _began()
    assert list(full.on_flow_control(b"\x32\x00\x00", 0.0)) == []
    assert list(full.on_flow_control(b"\x30\x00\x00", 0.0)) == []
    silent = _began()
    silent.expire(FLOW_TIMEOUT_S + 0.01)
    assert list(silent.on_flow_control(b"\x30\x00\x00", 2.0)) == []


def _began() -> Sending:
    sending = Sending(bytes(40), 8)
    sending.begin(0.0)
    return sending


def test_too_long_is_refused():
    with pytest.raises(ValueError, match="4095"):
        Sending(bytes(LONGEST + 1), 8).begin(0.0)


def test_a_payload_of_eight_bytes_needs_two_classic_frames():
    assert single_frame(bytes(8), 8) is None
    assert single_frame(bytes(8), 64) == bytes((0, 8)) + bytes(8)
