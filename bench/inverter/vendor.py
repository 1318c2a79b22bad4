"""An inverter without SunSpec: what its maker's registers mean is one TOML file, and no code.

    maker = "ACME"
    model = "BX 11"
    [set_power]                          # active power at the AC terminals
    address = 1000
    type = "int16"
    scale = 10.0                         # W per count
    invert = true                        # it counts discharge as positive
    write_function = 6                   # 16 (the default) or 6
    [[start]]                            # one write or several, in this order
    address = 1001
    value = 1
    [[stop]]
    address = 1001
    value = 0
    [state]                              # which of its values mean what
    address = 2000
    running = [3, 4]
    fault = [9]
    [read.ac_power_w]                    # and ac_voltage_v, frequency_hz, dc_voltage_v, dc_current_a, soc_pct
    address = 2001
    type = "int32"
    words = "little"                     # the low word comes first
    invert = true
    read_function = 4                    # 3 (the default) holding, 4 input registers

Quantities that the file does not name read NaN. Where the sign is a register of its own, [set_power.direction] names it.
Where an identity is given (`expect`), another device at the address is refused.
"""

import math
import struct
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Literal, Protocol, Self

from pydantic import Field, model_validator

from v2g_bench.errors import BenchError
from v2g_bench.inputs.models import Checked, validated
from v2g_bench.inputs.ranges import Within, Word
from v2g_bench.inputs.text import read_toml
from v2g_bench.inverter.client import InverterIdentity
from v2g_bench.inverter.codes import ModbusException
from v2g_bench.inverter.modbus import refused
from v2g_bench.inverter.port import InverterReading, turned

LAYOUTS = {"int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "float32": "f"}
RawNumber = Annotated[int, Within(-(2**31), 2**32 - 1)]  # what 32 bits can say, with or without a sign
Quantity = Literal["ac_power_w", "ac_voltage_v", "frequency_hz", "dc_voltage_v", "dc_current_a", "soc_pct"]
SIGNED = ("ac_power_w", "dc_current_a")


class RegisterLink(Protocol):
    """A Modbus connection to one unit, over TCP or a serial line."""

    where: str

    def read(self, address: int, count: int, function: int = ...) -> list[int]: ...

    def write(self, address: int, values: Sequence[int], function: int = ...) -> None: ...

    def close(self) -> None: ...


class Value(Checked):
    """A number in registers: engineering value = raw · scale + offset.

    absent: the raw number that means "none", as a number or as the bits in the registers: 0x8000 of an int16 is -32768.
    """

    address: Word
    type: Literal["int16", "uint16", "int32", "uint32", "float32"] = "int16"
    words: Literal["big", "little"] = "big"
    scale: Annotated[float, Within(1e-9, 1e6)] = 1.0  # the sign is what invert says
    offset: Annotated[float, Within(-1e9, 1e9)] = 0.0
    invert: bool = False  # it counts what leaves the battery as positive
    absent: RawNumber | None = None
    read_function: Literal[3, 4] = 3

    @model_validator(mode="after")
    def _absent_is_in_the_type(self) -> Self:
        bits = 16 * self.size
        if self.absent is not None and self.type != "float32" and not -(1 << bits - 1) <= self.absent < 1 << bits:
            raise ValueError(f"absent = {self.absent} (0x{self.absent & 0xFFFFFFFF:X}) does not fit into {self.type}")
        return self

    @property
    def size(self) -> int:
        """Registers."""
        return 2 if self.type.endswith("32") else 1

    def decode(self, registers: Sequence[int]) -> float:
        """The engineering value, in the project's sign; NaN where there is none."""
        words = registers if self.words == "big" else registers[::-1]
        data = struct.pack(f">{self.size}H", *words)
        (raw,) = struct.unpack(">" + LAYOUTS[self.type], data)
        if self.absent is not None:
            bits = self.absent % (1 << 16 * self.size)
            if raw == self.absent or int.from_bytes(data, "big") == bits:
                return math.nan
        if not math.isfinite(raw):
            return math.nan
        value = raw * self.scale + self.offset
        return turned(value) if self.invert else value

    def encode(self, value: float) -> list[int]:
        """The registers of an engineering value. ValueError: beyond the type."""
        raw = ((turned(value) if self.invert else value) - self.offset) / self.scale
        try:
            data = struct.pack(">" + LAYOUTS[self.type], raw if self.type == "float32" else round(raw))
        except (struct.error, OverflowError) as error:
            raise ValueError(f"{value:g} does not fit into {self.type} with scale {self.scale:g}") from error
        words = list(struct.unpack(f">{self.size}H", data))
        return words if self.words == "big" else words[::-1]


class Direction(Checked):
    """The sign as a register of its own; the power itself is then written without one."""

    address: Word
    charge: Word
    discharge: Word
    write_function: Literal[6, 16] = 16


class SetPower(Value):
    """Where the set-point is written."""

    write_function: Literal[6, 16] = 16
    direction: Direction | None = None

    @model_validator(mode="after")
    def _one_register_at_a_time(self) -> "SetPower":
        if self.write_function == 6 and self.size > 1:
            raise ValueError("function 6 writes one register: the register would hold half of a power for a while")
        return self


class Order(Checked):
    """One register set to one value."""

    address: Word
    value: Word
    write_function: Literal[6, 16] = 16


class State(Checked):
    """One register, and which of its values mean running or fault. mask: the bits of it that count."""

    address: Word
    running: list[Word]
    fault: list[Word] = []
    mask: Word = 0xFFFF
    read_function: Literal[3, 4] = 3


class Text(Checked):
    """ASCII, two characters to a register. expect: what must be found in it."""

    address: Word
    size: Annotated[int, Within(1, 32)]
    expect: str = ""
    read_function: Literal[3, 4] = 3


class VendorMap(Checked):
    """The whole file."""

    maker: str
    model: str
    set_power: SetPower
    stop: Annotated[list[Order], Field(min_length=1)]
    start: list[Order] = []
    state: State
    read: dict[Quantity, Value]
    serial: Text | None = None
    version: Text | None = None

    @model_validator(mode="after")
    def _power_is_read(self) -> "VendorMap":
        if "ac_power_w" not in self.read:
            raise ValueError("[read.ac_power_w] is missing: the power that was set must be read back")
        if unsigned := [name for name in self.read if self.read[name].invert and name not in SIGNED]:
            raise ValueError(f"{unsigned[0]} has no direction that could be inverted")
        return self


def read_vendor_map(path: Path) -> VendorMap:
    """The checked file; BenchError with file and key."""
    return validated(VendorMap, read_toml(path), str(path))


class VendorInverter:
    """As `InverterClient`, after a vendor's map. Every method raises BenchError for no answer, an improper one, a refusal."""

    def __init__(self, link: RegisterLink, registers: VendorMap) -> None:
        self._link, self._map = link, registers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def where(self) -> str:
        """How an error names it."""
        return self._link.where

    def close(self) -> None:
        """Close the connection; the inverter keeps its set-point."""
        self._link.close()

    def identity(self) -> InverterIdentity:
        """Maker and model from the file; serial number and version as reported. BenchError for another device."""
        texts = [self._text(text) for text in (self._map.serial, self._map.version)]
        if self._map.serial is None and self._map.version is None:
            self.reading()  # it does not identify itself, but it has to answer
        return InverterIdentity(self._map.maker, self._map.model, *texts)

    def reading(self) -> InverterReading:
        """What it measures now, + = charge."""
        values = {name: self._number(value) for name, value in self._map.read.items()}
        state = self._map.state
        raw = self._read(state.address, 1, state.read_function)[0] & state.mask
        return InverterReading(
            ac_power_w=values["ac_power_w"],
            ac_voltage_v=values.get("ac_voltage_v", math.nan),
            frequency_hz=values.get("frequency_hz", math.nan),
            dc_voltage_v=values.get("dc_voltage_v", math.nan),
            dc_current_a=values.get("dc_current_a", math.nan),
            soc_pct=values.get("soc_pct", math.nan),
            running=raw in state.running,
            fault=raw in state.fault,
        )

    def set_power_w(self, power_w: float) -> None:
        """Set the active power at the AC terminals (W, + = charge). Where the sign is a register: zero, sign, power."""
        target = self._map.set_power
        direction = target.direction
        try:
            wanted = target.encode(abs(power_w) if direction else power_w)
            zero = target.encode(0.0)
        except ValueError as error:
            raise BenchError(self._link.where, f"set power: {error}", "see [set_power] of its register map") from None
        if direction:
            self._write(target.address, zero, target.write_function)
            way = direction.charge if power_w >= 0 else direction.discharge
            self._write(direction.address, [way], direction.write_function)
        self._write(target.address, wanted, target.write_function)

    def start(self) -> None:
        """Let it run."""
        self._carry_out(self._map.start)

    def stop(self) -> None:
        """Stop the bridge."""
        self._carry_out(self._map.stop)

    def _carry_out(self, orders: Sequence[Order]) -> None:
        for order in orders:
            self._write(order.address, [order.value], order.write_function)

    def _number(self, value: Value) -> float:
        return value.decode(self._read(value.address, value.size, value.read_function))

    def _text(self, text: Text | None) -> str:
        if text is None:
            return ""
        data = struct.pack(f">{text.size}H", *self._read(text.address, text.size, text.read_function))
        actual = data.split(b"\0")[0].decode("ascii", "replace").strip()
        if text.expect not in actual:
            raise BenchError(
                self._link.where,
                f"{actual!r} answers, where {text.expect!r} is expected",
                f"is this the {self._map.maker} {self._map.model}, and the register map the right one?",
            )
        return actual

    def _read(self, address: int, count: int, function: int) -> list[int]:
        try:
            return self._link.read(address, count, function)
        except ModbusException as refusal:
            raise refused(self._link.where, refusal) from refusal

    def _write(self, address: int, values: list[int], function: int) -> None:
        try:
            self._link.write(address, values, function)
        except ModbusException as refusal:
            raise refused(self._link.where, refusal) from refusal
