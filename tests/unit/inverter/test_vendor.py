import math

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.inverter.codes import ModbusException
from v2g_bench.inverter.vendor import Value, VendorInverter, read_vendor_map

ACME = """
maker = "ACME"
model = "BX 11"
[set_power]
address = 1000
scale = 10.0
invert = true
write_function = 6
[[start]]
address = 1001
value = 1
[[stop]]
address = 1001
value = 0
[state]
address = 2000
running = [3, 4]
fault = [9]
mask = 0x0F
[read.ac_power_w]
address = 2001
type = "int32"
words = "little"
invert = true
read_function = 4
[read.dc_voltage_v]
address = 2003
type = "uint16"
scale = 0.1
absent = 0xFFFF
[serial]
address = 10
size = 4
expect = "BX"
"""


class Registers:
    """Stands for the link: registers by (function, address)."""

    where = "inverter 192.0.2.9:502"

    def __init__(self, held=None, inputs=None):
        self.held, self.inputs, self.writes, self.refuses = dict(held or {}), dict(inputs or {}), [], set()
        self.closed = False

    def read(self, address, count, function=3):
        space = self.held if function == 3 else self.inputs
        if any(address + place not in space for place in range(count)):
            raise ModbusException(2, f"read at {address}")
        return [space[address + place] for place in range(count)]

    def write(self, address, values, function=16):
        if address in self.refuses:
            raise ModbusException(4, f"write at {address}")
        self.writes.append((function, address, list(values)))

    def close(self):
        self.closed = True


@pytest.fixture
def make(tmp_path):
    def make(text=ACME, **space):
        path = tmp_path / "map.toml"
        path.write_text(text)
        link = Registers(**space)
        return VendorInverter(link, read_vendor_map(path)), link

    return make


@pytest.mark.parametrize(
    ("value", "registers", "number"),
    [
        ({"type": "int16"}, [0xFFFE], -2),
        ({"type": "uint16"}, [0xFFFE], 65534),
        ({"type": "int32"}, [0xFFFF, 0xF448], -3000),
        ({"type": "int32", "words": "little"}, [0xF448, 0xFFFF], -3000),
        ({"type": "uint32"}, [0x0001, 0x0000], 65536),
        ({"type": "float32"}, [0xC53B, 0x8000], -3000),
        ({"type": "int16", "scale": 10.0, "invert": True}, [300], -3000),
        ({"type": "int16", "scale": 0.1, "offset": -50.0}, [1234], 73.4),
    ],
)
def test_numbers_in_registers_and_back(value, registers, number):
    value = Value(address=0, **value)
    assert value.size == len(registers)
    assert value.decode(registers) == pytest.approx(number)
    assert value.encode(number) == registers


def test_a_lost_sign_is_seen():
    assert Value(address=0, invert=True).encode(3000) == [0x10000 - 3000]
    assert Value(address=0).encode(3000) == [3000]


def test_what_is_absent_is_no_number():
    assert math.isnan(Value(address=0, type="uint16", absent=0xFFFF).decode([0xFFFF]))
    assert math.isnan(Value(address=0, type="float32").decode([0x7FC0, 0]))


@pytest.mark.parametrize(
    ("kind", "absent", "registers"),
    [
        ("int16", 0x8000, [0x8000]),
        ("int16", -32768, [0x8000]),
        ("int16", 0xFFFF, [0xFFFF]),
        ("uint16", -1, [0xFFFF]),
        ("int32", 0x80000000, [0x8000, 0]),
        ("uint32", 0xFFFFFFFF, [0xFFFF, 0xFFFF]),
        ("float32", 0x7F7FFFFF, [0x7F7F, 0xFFFF]),
        ("float32", -999999, [0xC974, 0x23F0]),
    ],
)
def test_what_is_absent_is_a_number_or_the_bits(kind, absent, registers):
    value = Value(address=0, type=kind, absent=absent)
    assert math.isnan(value.decode(registers))
    assert value.decode([0] * len(registers)) == 0


@pytest.mark.parametrize(("kind", "absent"), [("int16", 0x80000000), ("uint16", 0x10000), ("int16", -32769)])
def test_what_could_never_be_read_is_not_taken_for_absent(kind, absent):
    with pytest.raises(ValueError, match=f"does not fit into {kind}"):
        Value(address=0, type=kind, absent=absent)


def test_a_power_beyond_the_register_is_refused_and_not_cut(make):
    inverter, link = make()
    with pytest.raises(BenchError, match=r"400000 does not fit into int16 with scale 10\n.*set_power"):
        inverter.set_power_w(400_000)
    assert link.writes == []


def test_it_reads_and_commands_after_the_file(make):
    held = {2000: 0xF3, 2003: 3550} | {10 + place: word for place, word in enumerate(b"BX-00042"[::2])}
    held |= {10: 0x4258, 11: 0x2D30, 12: 0x3030, 13: 0x3432}
    inverter, link = make(held=held, inputs={2001: 0x0BB8, 2002: 0})
    reading = inverter.reading()
    assert (reading.ac_power_w, reading.dc_voltage_v, reading.running, reading.fault) == (-3000, 355, True, False)
    assert math.isnan(reading.soc_pct)
    link.held[2000] = 0xF9
    assert (inverter.reading().running, inverter.reading().fault) == (False, True)
    assert str(inverter.identity()) == "ACME BX 11, serial BX-00042, version "
    inverter.start()
    inverter.set_power_w(-3000)
    inverter.stop()
    assert link.writes == [(16, 1001, [1]), (6, 1000, [300]), (16, 1001, [0])]


def test_another_device_at_the_address(make):
    inverter, _ = make(held={10: 0x5A5A, 11: 0, 12: 0, 13: 0})
    with pytest.raises(BenchError, match=r"'ZZ' answers, where 'BX' is expected\n  is this the ACME BX 11"):
        inverter.identity()


def test_one_that_cannot_say_who_it_is_must_answer_all_the_same(make):
    text = ACME.replace('[serial]\naddress = 10\nsize = 4\nexpect = "BX"\n', "")
    inverter, link = make(text, held={2000: 3, 2003: 0}, inputs={2001: 0, 2002: 0})
    assert str(inverter.identity()) == "ACME BX 11, serial , version "
    link.held.clear()
    with pytest.raises(BenchError, match="exception 2"):
        inverter.identity()


def test_a_sign_of_its_own_is_set_at_zero_power(make):
    text = ACME.replace(
        "invert = true\nwrite_function = 6", "[set_power.direction]\naddress = 5\ncharge = 1\ndischarge = 2"
    )
    inverter, link = make(text)
    inverter.set_power_w(-3000)
    inverter.set_power_w(2000)
    assert [(address, values[0]) for _, address, values in link.writes] == [
        *((1000, 0), (5, 2), (1000, 300)),
        *((1000, 0), (5, 1), (1000, 200)),
    ]


def test_refusals_name_the_inverter(make):
    inverter, link = make()
    link.refuses = {1000}
    with pytest.raises(BenchError, match=r"192.0.2.9:502: write at 1000: exception 4"):
        inverter.set_power_w(100)
    with pytest.raises(BenchError, match="exception 2"):
        inverter.reading()
    with inverter:
        pass
    assert link.closed


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('maker = "ACME"', "", "maker: is missing"),
        ("[read.ac_power_w]", "[read.soc_pct]", r"\[read.ac_power_w\] is missing"),
        ("scale = 0.1", "scale = 0.0", "read.dc_voltage_v.scale: 0.0 is not a number from 1e-09"),
        ("scale = 0.1", "scale = 0.1\ninvert = true", "dc_voltage_v has no direction"),
        ("scale = 10.0", 'scale = 10.0\ntype = "int32"', "function 6 writes one register"),
        ("[read.dc_voltage_v]", "[read.dc_volts]", "read.dc_volts"),
        ("[[stop]]\naddress = 1001\nvalue = 0", "", "stop: is missing"),
        ("[state]", "[state", "is not TOML"),
        ("running = [3, 4]", "runing = [3, 4]", "state.run"),
    ],
)
def test_a_wrong_file_is_refused_with_its_key(make, tmp_path, old, new, message):
    assert old in ACME
    with pytest.raises(BenchError, match=message) as error:
        make(ACME.replace(old, new, 1))
    assert error.value.where.startswith(str(tmp_path / "map.toml"))


def test_no_file(tmp_path):
    with pytest.raises(BenchError, match="cannot be read"):
        read_vendor_map(tmp_path / "none.toml")
