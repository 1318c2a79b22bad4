import asyncio
import re
from collections.abc import Mapping

import pytest

from v2g_bench.ems.ports import sunspec
from v2g_bench.ems.ports.modbus import ModbusError, ModbusLink, ModbusRefusal


@pytest.mark.parametrize(
    ("power_w", "scale", "registers"),
    [
        (-3000.0, 0, [1, 1, 0, 3000]),
        (3000.0, 0, [1, 1, 0xFFFF, 0xF448]),
        (0.0, 0, [1, 1, 0, 0]),
        (-3009.0, 1, [1, 1, 0, 300]),
        (3009.0, 1, [1, 1, 0xFFFF, 0xFED4]),
        (-1.5, -1, [1, 1, 0, 15]),
        (-3000.0, -6, [1, 1, 0x7FFF, 0xFFFF]),  # what does not fit never turns round
        (3000.0, -6, [1, 1, 0x8000, 1]),
    ],
)
def test_sign_and_scale_of_the_setpoint(power_w: float, scale: int, registers: list[int]) -> None:
    """Ours: charge is positive. SunSpec: generation is positive. A flipped sign must not pass."""
    assert sunspec.set_power_registers(power_w, scale) == registers
    if power_w:
        assert sunspec.set_power_registers(-power_w, scale) != registers


class _Registers(ModbusLink):
    """A link to a table of registers."""

    def __init__(self, table: Mapping[int, int]) -> None:
        super().__init__(1, 1.0)
        self.table = dict(table)

    async def read(self, address: int, count: int) -> tuple[int, ...]:
        if any(address + n not in self.table for n in range(count)):
            raise ModbusRefusal("exception 2")
        return tuple(self.table[address + n] for n in range(count))


def _table(base: int, models: Mapping[int, Mapping[int, int]], mark: bool = True) -> dict[int, int]:
    table = {base: 0x5375, base + 1: 0x6E53 if mark else 0}
    lengths = {1: 66, 701: 153, 704: 57, 715: 7}
    at = base + 2
    for model, points in models.items():
        length = lengths[model]
        table |= dict.fromkeys(range(at, at + 2 + length), 0)
        table |= {at: model, at + 1: length} | {at + offset: value for offset, value in points.items()}
        at += 2 + length
    return table | {at: 0xFFFF, at + 1: 0}


ALL: dict[int, dict[int, int]] = {1: {}, 701: {4: 3, 10: 0xF448, 116: 0}, 704: {55: 0xFFFF}, 715: {}}


@pytest.mark.parametrize("base", [0, 40000, 50000])
def test_discovery(base: int) -> None:
    found = asyncio.run(sunspec.discover(_Registers(_table(base, ALL))))
    assert (found.measurement, found.control, found.session) == (base + 70, base + 225, base + 284)
    assert (found.set_scale, found.power_scale) == (-1, 0)


def test_reading_turns_the_sign() -> None:
    link = _Registers(_table(40000, ALL))
    reading = asyncio.run(sunspec.read_state(link, asyncio.run(sunspec.discover(link))))
    assert (reading.ac_power_w, reading.state, reading.fault) == (3000.0, 3, False)


def test_not_implemented_points() -> None:
    models = {1: {}, 701: {4: 0xFFFF, 10: 0x8000, 116: 0x8000}, 704: {55: 0x8000}}
    link = _Registers(_table(0, models))
    found = asyncio.run(sunspec.discover(link))
    assert (found.set_scale, found.power_scale, found.operation_address, found.heartbeat_address) == (0, 0, None, None)
    reading = asyncio.run(sunspec.read_state(link, found))
    assert (reading.ac_power_w, reading.state) == (None, None)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({40003: 65535}, "model 1 at 40002 cannot be 65535 registers long"),
        ({40003: 0}, "model 1 at 40002 cannot be 0 registers long"),
        ({40002: 0}, "model 0 at 40002"),
        ({40294: 7}, "model 65535 at 40293 cannot be 7 registers long"),
        ({40226: 53}, "model 704 at 40225 cannot be 53 registers long"),
        ({40280: 11}, "704.WSet_SF is 11, which is no SunSpec scale factor"),
        ({40280: 0x8001}, "704.WSet_SF is -32767"),
        ({40186: 0xFFF5}, "701.W_SF is -11"),
        ({40293: None}, "no model at 40293, and no end model"),
        ({address: (1, 1, 0)[(address - 40293) % 3] for address in range(40293, 41000)}, "64 models, and no end model"),
    ],
)
def test_a_list_of_models_that_cannot_be(changed: dict[int, int | None], message: str) -> None:
    table = _table(40000, ALL) | {key: value for key, value in changed.items() if value is not None}
    for key in changed:
        if changed[key] is None:
            del table[key]
    with pytest.raises(ModbusError, match=re.escape(message)):
        asyncio.run(sunspec.discover(_Registers(table)))


def test_no_sunspec_and_no_setpoint() -> None:
    with pytest.raises(ModbusError, match="no SunSpec mark"):
        asyncio.run(sunspec.discover(_Registers(_table(0, ALL, mark=False))))
    with pytest.raises(ModbusError, match="no model 704"):
        asyncio.run(sunspec.discover(_Registers(_table(0, {1: {}}))))
