"""Points against pysunspec2's own codec, which knows the same model files."""

import math

import pytest
import sunspec2.mb as oracle
from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.inverter.points import Point, from_registers, limits, model_points, to_registers

NUMBERS = ("int16", "uint16", "enum16", "bitfield16", "int32", "uint32", "bitfield32", "uint64", "sunssf")
SIZES = {"int32": 2, "uint32": 2, "bitfield32": 2, "uint64": 4}


def a_point(kind):
    return Point(1, "X", 2, SIZES.get(kind, 1), kind)


@pytest.mark.parametrize("kind", NUMBERS)
def test_not_implemented_is_the_value_that_the_oracle_writes(kind):
    registers = to_registers(a_point(kind), None)
    assert b"".join(r.to_bytes(2, "big") for r in registers) == oracle.create_unimpl_value(kind)
    assert from_registers(a_point(kind), registers) is None
    assert to_registers(a_point(kind), math.nan) == registers


def test_a_pad_is_0x8000():
    assert to_registers(a_point("pad"), None) == [0x8000]


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_value_beyond_the_type_is_held_at_its_end_and_never_reads_as_not_implemented(kind):
    low, high = limits(a_point(kind))
    assert from_registers(a_point(kind), to_registers(a_point(kind), 1e30)) == high
    assert from_registers(a_point(kind), to_registers(a_point(kind), -1e30)) == low


@given(st.sampled_from(NUMBERS), st.integers(-(2**70), 2**70))
def test_numbers_come_back(kind, number):
    point = a_point(kind)
    low, high = limits(point)
    if abs(number) < 2**50:  # floats carry it exactly
        assert from_registers(point, to_registers(point, number)) == max(low, min(high, number))


def test_text_is_cut_padded_and_read_without_its_padding():
    point = Point(1, "Mn", 2, 4, "string")
    assert from_registers(point, to_registers(point, "abc")) == "abc"
    assert from_registers(point, to_registers(point, "longer than it")) == "longer t"
    assert from_registers(point, to_registers(point, None)) is None


@pytest.mark.parametrize(("model", "length"), [(701, 153), (702, 50), (703, 17), (704, 65), (713, 7), (715, 7)])
def test_a_fixed_model_is_as_long_as_its_file_says(model, length):
    last = model_points(model)[-1]
    assert last.offset + last.size == length + 2


def test_a_counted_group_is_laid_out_as_often_as_asked():
    one, two = model_points(714, 1), model_points(714, 2)
    assert {p.name: p.offset for p in one}["Prt[0].PrtTyp"] == 20
    assert {p.name: p.offset for p in two}["Prt[1].PrtTyp"] == 45
    assert len(two) - len(one) == 11


def test_registers_that_matter_stand_where_the_notes_have_them():
    offsets = {p.key: p.offset for m in (701, 704, 715) for p in model_points(m)}
    assert (offsets["701.W"], offsets["701.W_SF"], offsets["701.Hz"]) == (10, 116, 17)
    assert (offsets["704.WSetEna"], offsets["704.WSet"], offsets["704.WSetRvrtTms"]) == (22, 24, 31)
    assert (offsets["715.ControllerHb"], offsets["715.OpCtl"]) == (5, 8)


def test_a_model_that_nobody_defined():
    with pytest.raises(KeyError, match="no model 9999"):
        model_points(9999)
