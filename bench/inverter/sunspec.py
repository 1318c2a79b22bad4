"""The emulated inverter as a SunSpec register map. No sockets, no clock: requests and time come in.

Models 1, 701, 702, 703, 704, 713, 714 and 715 stand at 40000, in the layout of the SunSpec Alliance's model files. A
write takes effect as a whole or not at all, and reaches the power stage before `write` returns.

>>> class Stage:
...     def set_ac_power(self, ac_power_w, now_s): print("set", ac_power_w)
...     def enable_bridge(self, on, now_s): print("bridge", on)
...     def measure(self): return InverterReading(0.0, 230.0, 50.0, 355.0, 0.0, 50.0, True, False)
>>> inverter = InverterMap(Stage(), InverterConfig(), now_s=0.0)
bridge False
set 0.0
bridge True
>>> inverter.write(inverter.address("704.WSetEna"), [1, 1, 0, 3000], now_s=1.0)  # SunSpec: generate 3 kW
set -3000.0
"""

import math
from collections.abc import Sequence

from v2g_bench.inverter.codes import ExceptionCode, ModbusException
from v2g_bench.inverter.controls import Controls
from v2g_bench.inverter.nameplate import MAX_W_MODE, InverterConfig, power_up_image, write_limits
from v2g_bench.inverter.points import Point
from v2g_bench.inverter.port import InverterReading, StagePort, turned

MANUFACTURER_ALARM = 1 << 16  # 701.Alrm
LIVE_MODELS = (701, 703, 704, 713, 714, 715)
OFF, STARTING, RUNNING, THROTTLED, FAULT, STANDBY = 0, 2, 3, 4, 6, 7  # 701.InvSt


class InverterMap:
    """The inverter's registers and what they do. Refusals are raised as `ModbusException`."""

    def __init__(self, stage: StagePort, config: InverterConfig, now_s: float) -> None:
        self.config = config
        self._stage = stage
        self._limits = write_limits(config)
        self.power_cycle(now_s)

    def power_cycle(self, now_s: float) -> None:
        """Start over with the power-up registers; alarms and set-points are forgotten, the bridge blocks meanwhile."""
        self._born_s = now_s
        self._local = False
        self._image = power_up_image(self.config)
        self._controls = Controls(self._image, self._stage, self.config, now_s)

    def address(self, key: str) -> int:
        """The address of the first register of a point, as in `704.WSetEna`."""
        return self._image.address(key)

    def value(self, key: str) -> float:
        """A point as it is stored, in engineering units; NaN if it is not implemented."""
        return self._image.number(key, absent=math.nan)

    def read(self, address: int, count: int, now_s: float) -> list[int]:
        """`count` registers from `address`, measured now. Exception 2 where there are none."""
        self._controls.tick(now_s)
        asked = range(address, address + count)
        live = [model for model in LIVE_MODELS if _overlap(asked, self._image.model_ranges[model])]
        if live:
            reading = self._stage.measure()
            self._heed(reading, now_s)
            self._refresh(live, reading, now_s)
        return self._image.read(address, count)

    def write(self, address: int, values: Sequence[int], now_s: float) -> None:
        """Set registers: all of them, or none.

        Exception 2: no such register, read-only or not implemented. 3: a value that the point cannot take, or a part
        of a value of several registers. 4: the inverter is under local control, or an alarm is still active.
        """
        self._controls.tick(now_s)
        written = self._image.points_written(address, values)
        for point, registers in written:
            self._check(point, registers)
        keys = {point.key for point, _ in written}
        resets = "715.AlarmReset" in keys and any(p.key == "715.AlarmReset" and r == [1] for p, r in written)
        if resets and self._controls.alarms and self._stage.measure().fault:
            raise ModbusException(ExceptionCode.SERVER_DEVICE_FAILURE, "the cause of the alarm still stands")
        if "715.ControllerHb" in keys and not self._heartbeat_changed(written):
            keys.discard("715.ControllerHb")
        self._image.store(address, values)
        if resets:
            self._controls.alarms = 0
        self._image.put("715.AlarmReset", 0)  # a command, not a state: it always reads back as done
        self._controls.written(keys, now_s)

    @property
    def ordered_w(self) -> float:
        """The AC power that it is to run at, + = charge; 0 while it is not permitted to run."""
        return turned(self._controls.target_w()) if self._controls.permitted else 0.0

    def tick(self, now_s: float) -> None:
        """Let time pass: timers, ramps, enter service, and trips of the power stage."""
        self._controls.tick(now_s)
        self._heed(self._stage.measure(), now_s)

    def next_due_s(self, now_s: float) -> float | None:
        """When `tick` is next needed (bench clock); None while nothing runs."""
        return self._controls.next_due_s(now_s)

    def trip(self, alarms: int, now_s: float) -> None:
        """Latch bits of 701.Alrm, as the inverter's own protection does; it leaves service at once."""
        self._controls.trip(alarms, now_s)

    def set_local(self, local: bool) -> None:
        """Turn the key on the device: under local control (715.LocRemCtl) it refuses all but the heartbeat."""
        self._local = local
        self._image.put("715.LocRemCtl", int(local))

    def _heed(self, reading: InverterReading, now_s: float) -> None:
        if reading.fault and not self._controls.alarms:
            self._controls.trip(MANUFACTURER_ALARM, now_s)

    def _check(self, point: Point, registers: Sequence[int]) -> None:
        if self._local and point.key != "715.ControllerHb":
            raise ModbusException(ExceptionCode.SERVER_DEVICE_FAILURE, f"{point.key}: under local control")
        value = self._image.scaled(point, registers)
        if point.kind == "enum16" and point.key not in self._limits:
            good = value in point.states
        elif point.key in self._limits:
            low, high = self._limits[point.key]
            good = low <= value <= high  # NaN, "not implemented", is never inside
        else:
            good = math.isnan(value)  # not implemented, and left so
        if not good:
            raise ModbusException(ExceptionCode.ILLEGAL_DATA_VALUE, f"{point.key} cannot be {value:g}")

    def _heartbeat_changed(self, written: Sequence[tuple[Point, list[int]]]) -> bool:
        """A controller that repeats one heartbeat value is not alive."""
        new = next(registers for point, registers in written if point.key == "715.ControllerHb")
        return new != self._image.read(self.address("715.ControllerHb"), 2)

    def _refresh(self, models: Sequence[int], reading: InverterReading, now_s: float) -> None:
        """Bring what is measured and what counts into the registers of these models."""
        put = self._image.put
        if 701 in models:
            for key, value in self._ac_values(reading).items():
                put(f"701.{key}", value)
        if 713 in models:
            put("713.SoC", reading.soc_pct)
            if self.config.battery_wh is not None:
                put("713.WHAvail", self.config.battery_wh * reading.soc_pct / 100)
        if 714 in models:
            for key, value in self._dc_values(reading).items():
                put(f"714.{key}", value)
        if 715 in models:
            put("715.DERHb", int(now_s - self._born_s) & 0x7FFFFFFF)
        if 703 in models or 704 in models:
            for key, seconds in self._controls.countdowns_s(now_s):
                put(key, seconds)

    def _ac_values(self, reading: InverterReading) -> dict[str, float]:
        power_w = turned(reading.ac_power_w)
        current_a = abs(power_w) / reading.ac_voltage_v if reading.ac_voltage_v > 0 else math.nan
        requested_w, target_w = self._controls.requested_w(), self._controls.target_w()
        throttled = self._controls.in_service and requested_w != target_w
        return {
            "St": int(reading.running),
            "InvSt": self._state(reading, throttled),
            "ConnSt": int(reading.running),
            "Alrm": self._controls.alarms,
            **dict.fromkeys(("W", "WL1"), power_w),
            **dict.fromkeys(("A", "AL1"), current_a),
            **dict.fromkeys(("LNV", "VL1"), reading.ac_voltage_v),
            "Hz": reading.frequency_hz,
            "ThrotPct": 100 * abs(requested_w - target_w) / self._image.number("702.WMax") if throttled else 0,
            "ThrotSrc": MAX_W_MODE if throttled else 0,
        }

    def _state(self, reading: InverterReading, throttled: bool) -> int:
        if self._controls.alarms:
            return FAULT
        if reading.running:
            return THROTTLED if throttled else RUNNING
        if self._controls.standby:
            return STANDBY
        return STARTING if self._controls.permitted else OFF

    def _dc_values(self, reading: InverterReading) -> dict[str, float]:
        current_a = turned(reading.dc_current_a)
        return {
            **dict.fromkeys(("DCA", "Prt[0].DCA"), current_a),
            **dict.fromkeys(("DCW", "Prt[0].DCW"), current_a * reading.dc_voltage_v),
            "Prt[0].DCV": reading.dc_voltage_v,
            "Prt[0].DCSta": int(reading.running),
            "Prt[0].DCAlrm": 0,
        }


def _overlap(first: range, second: range) -> bool:
    return first.start < second.stop and second.start < first.stop
