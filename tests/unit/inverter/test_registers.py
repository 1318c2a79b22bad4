from itertools import pairwise

import pytest

from v2g_bench.inverter.codes import ExceptionCode, ModbusException
from v2g_bench.inverter.registers import RegisterImage


@pytest.fixture
def image():
    image = RegisterImage(40000, {1: 1, 704: 1, 714: 2})
    for key in ("704.WSet_SF", "704.WSetEna", "704.WSetMod", "704.WSet"):
        image.put(key, 0)
    return image


def refused(action, code):
    with pytest.raises(ModbusException) as refusal:
        action()
    assert refusal.value.code == code


def test_the_chain_begins_with_the_marker_and_ends_with_the_end_model(image):
    assert image.read(40000, 3) == [0x5375, 0x6E53, 1]
    end = image.model_ranges[714].stop
    assert image.read(end, 2) == [0xFFFF, 0]
    refused(lambda: image.read(end, 3), ExceptionCode.ILLEGAL_DATA_ADDRESS)
    refused(lambda: image.read(39999, 2), ExceptionCode.ILLEGAL_DATA_ADDRESS)


def test_each_model_states_the_length_that_leads_to_the_next(image):
    ranges = list(image.model_ranges.values())
    for here, following in pairwise(ranges):
        _, length = image.read(here.start, 2)
        assert here.start + 2 + length == here.stop == following.start


def test_scale_factors_apply_both_ways(image):
    image.put("704.WSet_SF", 1)
    image.put("704.WSet", -12_340)
    assert image.raw("704.WSet") == -1234
    assert image.number("704.WSet") == -12_340.0
    image.put("704.WSet_SF", -1)
    assert image.number("704.WSet") == pytest.approx(-123.4)


def test_not_implemented_is_absent_and_not_a_number(image):
    assert image.raw("704.WMaxLimPct") is None
    assert image.number("704.WMaxLimPct", absent=-1.0) == -1.0


def test_a_whole_write_names_its_points(image):
    written = image.points_written(image.address("704.WSetEna"), [1, 1, 0xFFFF, 0xF448])
    assert [(point.name, words) for point, words in written] == [
        ("WSetEna", [1]),
        ("WSetMod", [1]),
        ("WSet", [0xFFFF, 0xF448]),
    ]


@pytest.mark.parametrize(
    ("key", "shift", "count", "code"),
    [
        ("704.WSet", 0, 1, 3),  # its high half
        ("704.WSet", 1, 1, 3),  # its low half
        ("704.WSetMod", 0, 2, 3),  # a whole enumeration, and half of what follows
        ("704.WSetRvrtRem", 0, 2, 2),  # read-only
        ("704.WMaxLimPct", 0, 1, 2),  # writable by the model, not implemented here
        ("704.ID", 0, 1, 2),
        ("1.Mn", 0, 16, 2),
    ],
)
def test_what_may_not_be_written(image, key, shift, count, code):
    before = image.read(40000, image.model_ranges[714].stop - 40000)
    refused(lambda: image.points_written(image.address(key) + shift, [7] * count), code)
    assert image.read(40000, len(before)) == before


def test_the_marker_and_the_end_are_read_only(image):
    refused(lambda: image.points_written(40000, [1]), ExceptionCode.ILLEGAL_DATA_ADDRESS)
    refused(lambda: image.points_written(image.model_ranges[714].stop, [1]), ExceptionCode.ILLEGAL_DATA_ADDRESS)


def test_a_block_write_may_leave_unimplemented_points_as_they_are(image):
    written = image.points_written(image.address("704.WMaxLimPct"), [0xFFFF])
    assert [point.name for point, _ in written] == ["WMaxLimPct"]
