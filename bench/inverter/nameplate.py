"""What the emulated inverter is: its ratings, its SunSpec registers at power-up, and what may be written to them.

>>> image = power_up_image(InverterConfig(rated_power_w=11000))
>>> image.number("702.WMaxRtg"), image.number("704.WSetEna"), image.number("714.Prt[0].PrtTyp")
(11000.0, 0.0, 2.0)
"""

from typing import Annotated, Literal

from pydantic import Field

from v2g_bench.inputs.models import Checked
from v2g_bench.inputs.ranges import PauseS, UnitId, Within
from v2g_bench.inverter.registers import RegisterImage

MODELS = {1: 1, 701: 1, 702: 1, 703: 1, 704: 1, 713: 1, 714: 1, 715: 1}
INT16_WATTS = 30_000.0  # above it 701.W, an int16, needs steps of 10 W
MAX_W_MODE, FIXED_W_MODE = 1 << 0, 1 << 1  # 702.CtrlModes and 701.ThrotSrc
EV_PORT = 2
PERCENT_OF_W_MAX, WATTS = 0, 1  # 704.WSetMod
W_MAX_REFERENCE = 1  # 704.WRmpRef
STOP, START, ENTER_STANDBY, EXIT_STANDBY = range(4)  # 715.OpCtl


class InverterConfig(Checked):
    """An emulated inverter. Powers in W at the AC terminals, voltages phase to neutral.

    ramp_pct_per_s: normal ramp of rising power, % of the rating per second (704.WRmp).
    heartbeat_timeout_s: once a controller has begun to write 715.ControllerHb, this long without a new value reverts
    the active power as an expired reversion timer does; 0 watches nothing.
    at_power_up: START enters service automatically (at zero power); STOP waits for the controller's START.
    """

    base_address: Annotated[int, Within(0, 65_000)] = 40_000
    unit_id: UnitId = 1
    maker: str = Field("V2G bench", min_length=1, max_length=32)
    model: str = Field("emulated EV inverter", min_length=1, max_length=32)
    serial: str = Field("EMU-0001", min_length=1, max_length=32)
    version: str = Field("1.0", min_length=1, max_length=16)
    rated_power_w: Annotated[float, Within(0, 300_000, over=True)] = 11_000.0
    nominal_v: Annotated[float, Within(0, 1000, over=True)] = 230.0
    nominal_hz: Annotated[float, Within(0, 100, over=True)] = 50.0
    battery_wh: Annotated[float, Within(0, 1e9, over=True)] | None = None
    ramp_pct_per_s: Annotated[int, Within(1, 65_534)] = 10_000
    enter_service_delay_s: Annotated[int, Within(0, 3600)] = 0
    heartbeat_timeout_s: PauseS = 0.0
    at_power_up: Literal["START", "STOP"] = "START"


def power_up_image(config: InverterConfig) -> RegisterImage:
    """The registers as the inverter powers up; points that it has not are "not implemented"."""
    image = RegisterImage(config.base_address, MODELS)
    for key, value in {**_identity(config), **_measurements(config), **_ratings(config), **_controls(config)}.items():
        image.put(key, value)
    return image


def write_limits(config: InverterConfig) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of each writable point that is not an enumeration, in engineering units."""
    power, most_tms = config.rated_power_w, 0xFFFFFFFE
    return {
        "1.DA": (config.unit_id, config.unit_id),
        "702.WMax": (power_step(config), power),
        "702.WChaRteMax": (0, power),
        "702.WDisChaRteMax": (0, power),
        "703.ESVHi": (100, 120),
        "703.ESVLo": (0, 100),
        "703.ESHzHi": (config.nominal_hz, 1.1 * config.nominal_hz),
        "703.ESHzLo": (0.9 * config.nominal_hz, config.nominal_hz),
        "703.ESDlyTms": (0, 3600),
        "703.ESRmpTms": (0, 3600),
        "704.WMaxLimPct": (0, 100),
        "704.WMaxLimPctRvrt": (0, 100),
        "704.WMaxLimPctRvrtTms": (0, most_tms),
        "704.WSet": (-power, power),
        "704.WSetRvrt": (-power, power),
        "704.WSetPct": (-100, 100),
        "704.WSetPctRvrt": (-100, 100),
        "704.WSetRvrtTms": (0, most_tms),
        "704.WRmp": (1, 65_534),
        "704.WRmpRef": (W_MAX_REFERENCE, W_MAX_REFERENCE),
        "715.ControllerHb": (0, most_tms),
        "715.AlarmReset": (0, 1),
    }


def power_step(config: InverterConfig) -> float:
    """The step of all 16-bit powers (W): 1, or 10 where the rating needs it."""
    return 10.0 if config.rated_power_w > INT16_WATTS else 1.0


def _power_exponent(config: InverterConfig) -> int:
    return 1 if power_step(config) > 1 else 0


def _identity(config: InverterConfig) -> dict[str, float | str]:
    return {
        "1.Mn": config.maker,
        "1.Md": config.model,
        "1.Vr": config.version,
        "1.SN": config.serial,
        "1.DA": config.unit_id,
    }


def _measurements(config: InverterConfig) -> dict[str, float | str]:
    """Scale factors and constants of the models that show measurements; the values follow at each read."""
    values: dict[str, float | str] = {
        "701.W_SF": _power_exponent(config),
        "701.A_SF": -1,
        "701.V_SF": -1,
        "701.Hz_SF": -3,
        "701.ACType": 0,  # single phase
        "701.DERMode": 1,  # grid following
        "713.WH_SF": 1,
        "713.Pct_SF": -2,
        "713.Sta": 0,
        "714.DCA_SF": -2,
        "714.DCV_SF": -1,
        "714.DCW_SF": _power_exponent(config),
        "714.PrtAlrms": 0,
        "714.NPrt": 1,
        "714.Prt[0].PrtTyp": EV_PORT,
        "714.Prt[0].ID": 1,
        "714.Prt[0].IDStr": "EV",
    }
    if config.battery_wh is not None:
        values["713.WHRtg"] = config.battery_wh
    return values


def _ratings(config: InverterConfig) -> dict[str, float | str]:
    power = config.rated_power_w
    return {
        "702.W_SF": _power_exponent(config),
        "702.VA_SF": _power_exponent(config),
        "702.V_SF": -1,
        "702.A_SF": -1,
        "702.WMaxRtg": power,
        "702.WChaRteMaxRtg": power,
        "702.WDisChaRteMaxRtg": power,
        "702.VAMaxRtg": power,
        "702.VAChaRteMaxRtg": power,
        "702.VADisChaRteMaxRtg": power,
        "702.VNomRtg": config.nominal_v,
        "702.VMaxRtg": 1.2 * config.nominal_v,
        "702.VMinRtg": 0.5 * config.nominal_v,
        "702.AMaxRtg": power / config.nominal_v,
        "702.CtrlModes": MAX_W_MODE | FIXED_W_MODE,
        "702.WMax": power,
        "702.WChaRteMax": power,
        "702.WDisChaRteMax": power,
    }


def _controls(config: InverterConfig) -> dict[str, float | str]:
    """Enter service after IEEE 1547-2018's default window: 91.7 to 105 % of the voltage, -0.5 to +0.1 Hz."""
    zeros = (
        *("WMaxLimPctEna", "WMaxLimPctEnaRvrt", "WMaxLimPctRvrtTms", "WMaxLimPctRvrtRem"),
        *("WSetEna", "WSet", "WSetRvrt", "WSetPct", "WSetPctRvrt", "WSetEnaRvrt", "WSetRvrtTms", "WSetRvrtRem"),
    )
    return {
        "703.V_SF": -1,
        "703.Hz_SF": -3,
        "703.ES": 1,
        "703.ESVHi": 105.0,
        "703.ESVLo": 91.7,
        "703.ESHzHi": config.nominal_hz + 0.1,
        "703.ESHzLo": config.nominal_hz - 0.5,
        "703.ESDlyTms": config.enter_service_delay_s,
        "703.ESRmpTms": 0,
        "703.ESDlyRemTms": 0,
        "704.WMaxLimPct_SF": -1,
        "704.WSet_SF": 0,
        "704.WSetPct_SF": -1,
        **{f"704.{name}": 0 for name in zeros},
        "704.WMaxLimPct": 100,
        "704.WMaxLimPctRvrt": 100,
        "704.WSetMod": WATTS,
        "704.WRmp": config.ramp_pct_per_s,
        "704.WRmpRef": W_MAX_REFERENCE,
        "715.LocRemCtl": 0,
        "715.DERHb": 0,
        "715.ControllerHb": 0,
        "715.AlarmReset": 0,
        "715.OpCtl": START if config.at_power_up == "START" else STOP,
    }
