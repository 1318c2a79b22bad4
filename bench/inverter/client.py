"""The bench's inverter client: any inverter, real or emulated, with the SunSpec models 1, 701 and 704.

It finds the SunSpec map, walks its models, and reads and sets active power in the project's sign (+ = charge). 713
(state of charge), 714 (DC side) and 715 (start, stop, alarm reset) are used where the inverter has them; a quantity
that it does not measure reads NaN.

    with InverterClient("127.0.0.1", port, unit_id=1) as inverter:
        inverter.set_power_w(-3000)  # discharge 3 kW
        print(inverter.identity(), inverter.reading())
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from v2g_bench.errors import BenchError
from v2g_bench.inverter.codes import ExceptionCode, ModbusException
from v2g_bench.inverter.modbus import ExchangeLog, ModbusLink, refused
from v2g_bench.inverter.nameplate import START, STOP, WATTS
from v2g_bench.inverter.points import Point, from_registers, limits, model_points, to_registers
from v2g_bench.inverter.port import InverterReading, turned
from v2g_bench.inverter.registers import END_MODEL, HEADER_REGISTERS, SUNS, power_of_ten
from v2g_bench.inverter.rtu import ModbusRtuLink

BASE_ADDRESSES = (40000, 0, 50000)  # where a SunSpec map may begin
MOST_READ = 120  # registers per request; some devices refuse the full 125
MOST_MODELS = 100
RUNNING, THROTTLED = 3, 4  # 701.InvSt


@dataclass(frozen=True, slots=True)
class InverterIdentity:
    """The inverter's identity as it reports it (model 1)."""

    maker: str
    model: str
    serial: str
    version: str

    def __str__(self) -> str:
        return f"{self.maker} {self.model}, serial {self.serial}, version {self.version}"


@dataclass(frozen=True, slots=True)
class ModelBlock:
    """One model as read: its points' values, in engineering units where they are numbers."""

    registers: list[int]
    points: Mapping[str, Point] = field(repr=False)

    def raw(self, name: str) -> int | str | None:
        """The unscaled value; None if not implemented, or past the length that the inverter states."""
        point = self.points[name]
        words = self.registers[point.offset : point.offset + point.size]
        return from_registers(point, words) if len(words) == point.size else None

    def number(self, name: str) -> float:
        """The scaled value; NaN if not implemented. BenchError where its scale factor is none."""
        raw, point = self.raw(name), self.points[name]
        return math.nan if raw is None or isinstance(raw, str) else raw * power_of_ten(self.exponent(point))

    def exponent(self, point: Point) -> int:
        """Its scale factor, a power of ten; BenchError where the inverter states none, or one that SunSpec does not have."""
        if not isinstance(point.scale, str):
            return point.scale or 0
        stated, (low, high) = self.raw(point.scale), limits(self.points[point.scale])
        if not isinstance(stated, int) or not low <= stated <= high:
            what = "is not implemented" if stated is None else f"is {stated}"
            hint = f"SunSpec has {low} to {high}: its SunSpec map is at fault, and no value can be taken from it"
            raise BenchError(f"inverter: SunSpec {point.key}", f"its scale factor {point.scale} {what}", hint)
        return stated


class InverterClient:
    """A synchronous client. Every method raises BenchError for no answer, an improper answer or a refusal."""

    def __init__(
        self,
        host: str,
        port: int,
        unit_id: int = 1,
        timeout_s: float = 1.0,
        log: ExchangeLog | None = None,
        *,
        link: ModbusRtuLink | None = None,
    ) -> None:
        """log: see `ModbusLink`. link: a serial line, in place of the TCP connection to host and port."""
        self._link = link or ModbusLink(host, port, unit_id, timeout_s, log)
        self._set_power_exponent: int | None = None  # `reading` checks that it still holds
        self._models: dict[int, tuple[int, int]] = {}  # model -> address of its header, length after the header

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

    @property
    def model_addresses(self) -> dict[int, int]:
        """SunSpec model -> address of its ID register; of several alike, the first."""
        return {model: address for model, (address, _) in self._found().items()}

    def identity(self) -> InverterIdentity:
        """Maker, model, serial number and version; "" for what it does not report."""
        common = self._block(1)
        return InverterIdentity(*(str(common.raw(name) or "") for name in ("Mn", "Md", "SN", "Vr")))

    def reading(self) -> InverterReading:
        """What the inverter measures now, + = charge; `fault` is any bit of its alarms.

        BenchError where the scale of the set-point is no longer what it was when power was set.
        """
        ac = self._block(701)
        self._require_same_scale()
        voltage_v = ac.number("LNV")
        soc_pct, dc_voltage_v, dc_current_a = math.nan, math.nan, math.nan
        if 713 in self._found():
            soc_pct = self._block(713).number("SoC")
        if 714 in self._found():
            direct = self._block(714)
            dc_voltage_v, dc_current_a = direct.number("Prt[0].DCV"), turned(direct.number("DCA"))
        return InverterReading(
            ac_power_w=turned(ac.number("W")),
            ac_voltage_v=ac.number("LLV") if math.isnan(voltage_v) else voltage_v,
            frequency_hz=ac.number("Hz"),
            dc_voltage_v=dc_voltage_v,
            dc_current_a=dc_current_a,
            soc_pct=soc_pct,
            running=ac.raw("InvSt") in (RUNNING, THROTTLED) or (ac.raw("InvSt") is None and ac.raw("St") == 1),
            fault=bool(ac.raw("Alrm")),
        )

    def _require_same_scale(self) -> None:
        """A set-point is one write, so its scale factor is not read with it."""
        before, self._set_power_exponent = self._set_power_exponent, None
        if before is None:
            return
        now = self._block(704).exponent(_points(704)["WSet"])
        if now != before:
            what = f"704.WSet_SF has changed from {before} to {now}: the last set-point may have been another power"
            raise BenchError(
                self._link.where, what, "set the power again; does its firmware or another master change it?"
            )
        self._set_power_exponent = before

    def set_power_w(self, power_w: float) -> None:
        """Set the active power at the AC terminals (W, + = charge), in one write of enable, mode and set-point."""
        points = _points(704)
        if self._set_power_exponent is None:
            controls = self._block(704)
            if controls.raw("WSet") is None:
                raise BenchError(self._link.where, "704.WSet is not implemented", "it cannot be set in watts")
            self._set_power_exponent = controls.exponent(points["WSet"])
        set_point = turned(power_w) / power_of_ten(self._set_power_exponent)
        block = [1, WATTS, *to_registers(points["WSet"], set_point)]
        self._write(704, points["WSetEna"].offset, block)

    def set_reversion(self, power_w: float, after_s: int) -> None:
        """What to fall back to (W, + = charge) when no set-point comes for `after_s` (s; 0 switches it off)."""
        points, controls = _points(704), self._block(704)
        set_point = turned(power_w) / power_of_ten(controls.exponent(points["WSetRvrt"]))
        self._write(704, points["WSetRvrt"].offset, to_registers(points["WSetRvrt"], set_point))
        self._write(704, points["WSetEnaRvrt"].offset, [1, *to_registers(points["WSetRvrtTms"], after_s)])

    def start(self) -> None:
        """Let it run: 715.OpCtl START, or 703.ES on where it has no model 715."""
        self._operate(START, 1)

    def stop(self) -> None:
        """Stop the bridge: 715.OpCtl STOP, or 703.ES off where it has no model 715."""
        self._operate(STOP, 0)

    def reset_alarms(self) -> None:
        """Clear latched alarms (715.AlarmReset)."""
        self._write(715, _points(715)["AlarmReset"].offset, [1])

    def _operate(self, operation: int, enter_service: int) -> None:
        if 715 in self._found():
            self._write(715, _points(715)["OpCtl"].offset, [operation])
        else:
            self._write(703, _points(703)["ES"].offset, [enter_service])

    def _write(self, model: int, offset: int, values: list[int]) -> None:
        address, _ = self._model(model)
        try:
            self._link.write(address + offset, values)
        except ModbusException as refusal:
            raise refused(self._link.where, refusal) from refusal

    def _block(self, model: int) -> ModelBlock:
        """The model's fixed part and first repetition, as far as the inverter has it."""
        address, length = self._model(model)
        points = _points(model)
        last = max(points.values(), key=lambda point: point.offset)
        count = min(length + HEADER_REGISTERS, last.offset + last.size)
        registers: list[int] = []
        try:
            while len(registers) < count:
                registers += self._link.read(address + len(registers), min(MOST_READ, count - len(registers)))
        except ModbusException as refusal:
            raise refused(self._link.where, refusal) from refusal
        return ModelBlock(registers, points)

    def _model(self, model: int) -> tuple[int, int]:
        if model not in self._found():
            has = ", ".join(map(str, self._found())) or "none"
            raise BenchError(self._link.where, f"it has no SunSpec model {model}", f"it has {has}")
        return self._models[model]

    def _found(self) -> dict[int, tuple[int, int]]:
        """The model chain, walked once."""
        if not self._models:
            try:
                self._models = self._walk(self._base())
            except ModbusException as refusal:
                raise refused(self._link.where, refusal) from refusal
        return self._models

    def _base(self) -> int:
        other: ModbusException | None = None  # what it refuses for another reason than the address
        for base in BASE_ADDRESSES:
            try:
                if tuple(self._link.read(base, 2)) == SUNS:
                    return base
            except ModbusException as refusal:
                if refusal.code not in (ExceptionCode.ILLEGAL_DATA_ADDRESS, ExceptionCode.ILLEGAL_DATA_VALUE):
                    other = other or refusal
        if other is not None:
            raise other
        tried = ", ".join(map(str, BASE_ADDRESSES))
        raise BenchError(self._link.where, f"no SunSpec map at {tried}", "has the inverter SunSpec switched on?")

    def _walk(self, base: int) -> dict[int, tuple[int, int]]:
        models: dict[int, tuple[int, int]] = {}
        address = base + len(SUNS)
        for _ in range(MOST_MODELS):
            try:
                model, length = self._link.read(address, HEADER_REGISTERS)
            except ModbusException:
                # Some maps give the end model no length register: then the end can be read alone.
                try:
                    model, length = self._link.read(address, 1)[0], 0
                except ModbusException:
                    what = "its chain of SunSpec models has no end"
                    what += f": nothing can be read at {address}, after {len(models)} models"
                    raise BenchError(self._link.where, what, "its SunSpec map is at fault") from None
            if model == END_MODEL:
                return models
            models.setdefault(model, (address, length))
            address += HEADER_REGISTERS + length
            if address > 0xFFFF:
                break
        raise BenchError(self._link.where, "its chain of SunSpec models has no end", "its SunSpec map is at fault")


def _points(model: int) -> dict[str, Point]:
    return {point.name: point for point in model_points(model)}
