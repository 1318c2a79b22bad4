import random
from fractions import Fraction

import numpy as np
import pytest

from v2g_bench.can import wire
from v2g_bench.can.codec import SignalCodec, shift_of
from v2g_bench.can.columns import FrameStore
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.can.trace import first_above, first_below, raw_counts, signal
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError


def loaded(name):
    return BusDatabase.load(dbc_path(name), read_roles(roles_path(name)))


def recorded(frames):
    """Columns of (stamp_s, message)."""
    store = FrameStore()
    for timestamp_s, message in frames:
        flags = (wire.EXTENDED if message.is_extended_id else 0) | (wire.FD if message.is_fd else 0)
        store.append(timestamp_s, -1, message.arbitration_id, flags, message.dlc, bytes(message.data))
    return store.since(float("-inf"))


def hot(db, values):
    """BMS_Safety frames every 10 ms with these cell temperatures; None is 'no value'."""
    return [
        (n / 100, db.encode("BMS_Safety", {} if value is None else {"cell_temperature_max": value}, n))
        for n, value in enumerate(values)
    ]


@pytest.fixture(scope="module")
def db():
    return loaded("v2g_bms_fd")


@pytest.mark.parametrize("name", ["v2g_bms_fd", "compact_classic"])
def test_it_agrees_with_the_frame_by_frame_decoder(name):
    rng = random.Random(3)
    db = loaded(name)
    frames = []
    for n in range(300):
        spec = rng.choice(list(db.messages.values()))
        values = {
            role: db.codec(role).value(rng.randint(db.codec(role).raw_min, db.codec(role).raw_max))
            for role in db.roles_of(spec.name)
        }
        frames.append((n / 100, db.encode(spec.name, values, n)))
    columns = recorded(frames)
    for role in db.roles:
        t_s, values = signal(columns, db, role)
        expected = [(t, db.decode(m)[role]) for t, m in frames if role in db.decode(m)]
        assert list(zip(t_s.tolist(), values.tolist(), strict=True)) == expected


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("length", [1, 7, 8, 12, 24, 33, 57, 60, 63, 64])
def test_every_place_in_a_frame(big_endian, signed, length):
    if length == 64 and not signed:
        return
    rng = np.random.default_rng(1)
    data = rng.integers(0, 256, (20, 64), np.uint8)
    for start in range(64):
        shift = shift_of(start, length, big_endian, 12)
        if shift < 0 or shift + length > 96:
            continue
        codec = SignalCodec("x", "1", start, length, big_endian, signed, shift, 1, 0, 1, 0, 1, None)
        order = "big" if big_endian else "little"
        expected = [codec.raw(int.from_bytes(row[:12].tobytes(), order)) for row in data]
        assert raw_counts(codec, data, 12).tolist() == expected


def test_64_unsigned_bits_are_refused():
    codec = SignalCodec("x", "1", 0, 64, False, False, 0, 1, 0, 1, 0, 1, None)
    with pytest.raises(ValueError, match="do not fit"):
        raw_counts(codec, np.zeros((1, 64), np.uint8), 64)


def test_exactly_the_limit_is_not_above_it(db):
    columns = recorded(hot(db, [20.0, 45.0, 45.0, 45.1, 46.0]))
    hit = first_above(columns, db, "cell_temperature_max", 45.0)
    assert (hit.timestamp_s, hit.value, hit.index) == (0.03, 45.1, 3)
    assert first_above(columns, db, "cell_temperature_max", 46.0) is None
    assert first_below(columns, db, "cell_temperature_max", 20.0) is None
    assert first_below(columns, db, "cell_temperature_max", 20.05).index == 0


def test_since(db):
    columns = recorded(hot(db, [50.0, 20.0, 50.0]))
    assert first_above(columns, db, "cell_temperature_max", 45.0, since_s=0.005).index == 2
    assert signal(columns, db, "cell_temperature_max", since_s=0.01)[1].tolist() == [20.0, 50.0]


def test_no_value_is_no_sample(db):
    columns = recorded(hot(db, [20.0, None, 21.0]))
    assert signal(columns, db, "cell_temperature_max")[1].tolist() == [20.0, 21.0]
    assert first_below(columns, db, "cell_temperature_max", -50.0) is None


def test_noise_is_not_a_value(db):
    frames = hot(db, [20.0, 20.0, 45.5])
    frames[1][1].data[4] ^= 0x40  # 16384 counts more, with the old checksum
    columns = recorded(frames)
    assert signal(columns, db, "cell_temperature_max")[1][1] > 1000
    assert first_above(columns, db, "cell_temperature_max", 45.0).index == 2
    assert first_above(columns, db, "cell_temperature_max", 45.0, checked=False).index == 1


def test_a_short_frame_is_no_sample(db):
    (timestamp_s, message), *_ = hot(db, [50.0])
    message.data, message.dlc = message.data[:16], 16
    columns = recorded([(timestamp_s, message)])
    assert len(signal(columns, db, "cell_temperature_max")[0]) == 0
    assert first_above(columns, db, "cell_temperature_max", 45.0) is None


def test_an_inverted_signal_with_an_offset():
    """Charge current above 10 A is, for this maker, a count below that of -10 A."""
    db = loaded("compact_classic")
    values = [-20.0, 10.0, 10.1, -30.0]
    columns = recorded([(float(n), db.encode("BATT_HV", {"pack_current": value}, 0)) for n, value in enumerate(values)])
    assert signal(columns, db, "pack_current")[1].tolist() == values
    assert first_above(columns, db, "pack_current", 10.0).index == 2
    assert first_below(columns, db, "pack_current", -20.0).index == 3


def test_a_bound_is_exact(db):
    codec = db.codec("cell_temperature_max")
    assert codec.bound(45.0) == 450
    assert codec.bound(45.05) == Fraction(901, 2)


def test_an_unknown_role(db):
    with pytest.raises(BenchError, match="no signal plays the role 'nonsense'"):
        signal(recorded([]), db, "nonsense")
    assert len(signal(recorded([]), db, "soc")[0]) == 0
