import pytest

from v2g_bench.can.e2e import E2EConfig, E2EReceiver, E2EState, E2EStatus, check, protect

DATA_ID = 0x2080
OK, SOME, REP, SEQ, CRC = (
    E2EStatus.OK,
    E2EStatus.OK_SOME_LOST,
    E2EStatus.REPEATED,
    E2EStatus.WRONG_SEQUENCE,
    E2EStatus.WRONG_CRC,
)


def frame(counter, length=24, data_id=DATA_ID):
    data = bytearray(range(length))
    protect(data, data_id, counter)
    return data


def crc16_ccitt_false(data: bytes) -> int:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def test_layout_of_profile_5():
    """CRC-16/CCITT-FALSE over the bytes after it, then the data id low byte first; little-endian in bytes 0 and 1."""
    data = frame(7)
    expected = crc16_ccitt_false(bytes(data[2:]) + DATA_ID.to_bytes(2, "little"))
    assert int.from_bytes(data[:2], "little") == expected
    assert data[2] == 7


@pytest.mark.parametrize("length", [4, 8, 24, 64])
def test_every_single_bit_flip_is_seen(length):
    data = frame(3, length)
    assert check(data, DATA_ID)
    for bit in range(8 * length):
        data[bit // 8] ^= 1 << bit % 8
        assert not check(data, DATA_ID)
        data[bit // 8] ^= 1 << bit % 8


def test_another_messages_frame_and_a_stub_are_refused():
    assert not check(frame(0, data_id=0x2090), DATA_ID)
    assert not check(b"", DATA_ID)
    assert not check(b"\0\0", DATA_ID)


@pytest.mark.parametrize(
    ("counters", "statuses"),
    [
        ([5, 6, 7], [OK, OK, OK]),
        ([254, 255, 0, 1], [OK, OK, OK, OK]),
        ([5, 5, 6], [OK, REP, OK]),
        ([5, 7, 8], [OK, SOME, OK]),
        ([5, 8], [OK, SOME]),
        ([5, 9, 10], [OK, SEQ, OK]),
        ([5, 4, 5], [OK, SEQ, OK]),
        ([255, 2], [OK, SOME]),
        ([5, None, 6], [OK, CRC, OK]),
        ([5, None, 7], [OK, CRC, SOME]),
        ([None, 5], [CRC, OK]),
    ],
)
def test_sequences(counters, statuses):
    """None is a frame with a flipped bit, whose counter is not believed."""
    receiver = E2EReceiver(DATA_ID, E2EConfig(max_delta=3))
    got = []
    for counter in counters:
        data = frame(counter or 0)
        if counter is None:
            data[10] ^= 1
        got.append(receiver.on_frame(data))
    assert got == statuses
    assert sum(receiver.counts.values()) == len(counters)


def test_lost_frames_are_counted():
    receiver = E2EReceiver(DATA_ID)
    for counter in (1, 2, 5, 6, 8):
        receiver.on_frame(frame(counter))
    assert receiver.lost == 3


def states(receiver, steps):
    """g good, b bad CRC, - silence."""
    out = []
    for counter, step in enumerate(steps, start=1):
        data = frame(counter)
        if step == "-":
            receiver.silence()
        else:
            if step == "b":
                data[5] ^= 0x10
            receiver.on_frame(data)
        out.append(receiver.state.value[:3])
    return out


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("gg", "ini val"),
        ("gb", "ini ini"),
        ("bbb", "ini ini inv"),
        ("ggbb", "ini val val val"),
        ("ggbbb", "ini val val val inv"),
        ("gg---", "ini val val val inv"),
        # The first good one after three lost ones is out of sequence: it counts as bad, and its counter is taken over.
        ("ggbbbgggg", "ini val val val inv inv inv inv val"),
    ],
)
def test_states(steps, expected):
    """Window 5, two good ones make it valid, three bad ones break it."""
    receiver = E2EReceiver(DATA_ID, E2EConfig(window=5, min_ok=2, max_errors=2))
    assert " ".join(states(receiver, steps)) == expected


def test_a_frozen_sender_is_invalid():
    receiver = E2EReceiver(DATA_ID)
    for counter in (1, 2, 3):
        receiver.on_frame(frame(counter))
    assert receiver.state is E2EState.VALID
    for _ in range(4):
        receiver.on_frame(frame(3))
    assert receiver.state is E2EState.INVALID


def test_reset_starts_over():
    receiver = E2EReceiver(DATA_ID)
    states(receiver, "ggg")
    receiver.reset()
    assert receiver.state is E2EState.INIT
    assert receiver.on_frame(frame(200)) is OK


@pytest.mark.parametrize("bad", [{"max_delta": 0}, {"min_ok": 0}, {"min_ok": 11}, {"max_errors": -1}])
def test_impossible_configurations(bad):
    with pytest.raises(ValueError, match="impossible"):
        E2EConfig(**bad)
