"""The SunSpec registers that the controller uses, and the one place in it where the sign is turned round.

Discovery: the mark "SunS" at 0, 40000 or 50000, then a chain of models. Offsets count from a model's ID register.
SunSpec counts generation (discharge) as positive; we count charge as positive.

>>> set_power_registers(-3000.0, scale=0)
[1, 1, 0, 3000]
"""

from dataclasses import dataclass

from v2g_bench.ems.model.actions import InverterReading
from v2g_bench.ems.ports.modbus import ModbusError, ModbusLink, ModbusRefusal

BASES = (0, 40000, 50000)
_SUNS = (0x5375, 0x6E53)
_END = 0xFFFF
_MODELS_MAX = 64
_REGISTERS = 0x10000  # addresses are 16 bits
_SCALE_MAX = 10  # SunSpec: a scale factor is -10 to 10
_SET_MAX = 2**31 - 1  # 704.WSet is an i32

# 704: WSetEna, WSetMod, WSet (i32) are neighbours and are written at once.
_WSET_ENA, _WSET_RVRT, _WSET_ENA_RVRT, _WSET_SF = 22, 26, 30, 55
_ENABLED, _WATTS = 1, 1
# 715
_LOCAL_REMOTE, _HEARTBEAT, _OPERATION = 2, 5, 8
STOP, START = 0, 1
# 701: from St to W
_STATE, _STATE_COUNT, _W_SF = 3, 8, 116
_FAULT = 6
RUNNING_STATES = (2, 3, 4)  # STARTING, RUNNING, THROTTLED
# What a model must be long enough for, in registers after its ID and its length: nothing that belongs to another model
# is ever written.
_LENGTHS_MIN = {701: _W_SF - 1, 704: _WSET_SF - 1, 715: _OPERATION - 1}


@dataclass(frozen=True, slots=True)
class InverterMap:
    """Where the models begin, and the scale factors (powers of ten) of power. 715 and 701 are optional."""

    control: int
    session: int | None
    measurement: int | None
    set_scale: int
    power_scale: int

    @property
    def set_address(self) -> int:
        """704.WSetEna, the first of the four registers of a power."""
        return self.control + _WSET_ENA

    @property
    def most_w(self) -> float:
        """The largest power in W that 704.WSet can express with its scale."""
        return float(_SET_MAX * 10.0**self.set_scale)

    @property
    def operation_address(self) -> int | None:
        """715.OpCtl."""
        return None if self.session is None else self.session + _OPERATION

    @property
    def heartbeat_address(self) -> int | None:
        """715.ControllerHb."""
        return None if self.session is None else self.session + _HEARTBEAT


async def discover(link: ModbusLink) -> InverterMap:
    """Find the models. Raises: ModbusError when there is no SunSpec, no model 704, or a chain that cannot be."""
    models = await _models(link)
    if 704 not in models:
        raise ModbusError(f"the inverter offers no model 704 (power setpoint), only {sorted(models)}")
    (set_scale,) = await link.read(models[704] + _WSET_SF, 1)
    power_scale = (await link.read(models[701] + _W_SF, 1))[0] if 701 in models else 0
    return InverterMap(
        control=models[704],
        session=models.get(715),
        measurement=models.get(701),
        set_scale=_scale(set_scale, "704.WSet_SF"),
        power_scale=_scale(power_scale, "701.W_SF"),
    )


async def _models(link: ModbusLink) -> dict[int, int]:
    for base in BASES:
        try:
            if await link.read(base, 2) == _SUNS:
                break
        except ModbusRefusal:
            continue
    else:
        raise ModbusError(f"no SunSpec mark at {', '.join(map(str, BASES))}")
    models: dict[int, int] = {}
    address = base + 2
    for _ in range(_MODELS_MAX):
        model, length = await _header(link, address)
        if (model, length) == (_END, 0):
            return models
        end = address + 2 + length
        # A wrong length leads into a model; "not implemented" there equals the end model's id, but not its length.
        if model in (0, _END) or not length or length < _LENGTHS_MIN.get(model, 1) or end > _REGISTERS - 2:
            raise ModbusError(f"the SunSpec model {model} at {address} cannot be {length} registers long")
        models.setdefault(model, address)
        address = end
    raise ModbusError(f"the list of SunSpec models has no end: {_MODELS_MAX} models, and no end model")


async def _header(link: ModbusLink, address: int) -> tuple[int, ...]:
    """ID and length of the model there."""
    try:
        return await link.read(address, 2)
    except ModbusRefusal as error:
        text = f"the list of SunSpec models has no end: there is no model at {address}, and no end model ({error})"
        raise ModbusError(text) from error


async def arm_reversion(link: ModbusLink, map_: InverterMap, revert_s: int) -> bool:
    """Automatic zero power when nothing has been written for `revert_s`; False if the inverter does not offer it."""
    try:
        await link.write(map_.control + _WSET_RVRT, [0, 0])
        await link.write(map_.control + _WSET_ENA_RVRT, [_ENABLED, revert_s >> 16, revert_s & 0xFFFF])
    except ModbusRefusal:
        return False
    return True


async def is_local(link: ModbusLink, map_: InverterMap) -> bool:
    """Whether the inverter is switched to local control and will not listen."""
    return map_.session is not None and (await link.read(map_.session + _LOCAL_REMOTE, 1))[0] == 1


async def read_state(link: ModbusLink, map_: InverterMap) -> InverterReading:
    """State and power. Without model 701 the reading proves only that the inverter answers."""
    if map_.measurement is None:
        await link.read(map_.control, 1)
        return InverterReading()
    registers = await link.read(map_.measurement + _STATE, _STATE_COUNT)
    state, raw = registers[1], registers[7]
    power_w = None if raw == 0x8000 else -_signed(raw, 16) * 10.0**map_.power_scale + 0.0
    return InverterReading(power_w, None if state == 0xFFFF else state, state == _FAULT)


def set_power_registers(power_w: float, scale: int) -> list[int]:
    """704 from WSetEna on, for AC power in W positive into the battery.

    Rounded towards zero and clamped to the range of an i32, so that an overflow never reverses the sign.
    """
    raw = max(-_SET_MAX, min(_SET_MAX, int(-power_w / 10.0**scale))) & 0xFFFFFFFF
    return [_ENABLED, _WATTS, raw >> 16, raw & 0xFFFF]


def _scale(raw: int, name: str) -> int:
    """The power of ten. Raises: ModbusError when SunSpec does not define it."""
    scale = 0 if raw == 0x8000 else _signed(raw, 16)
    if abs(scale) > _SCALE_MAX:
        raise ModbusError(f"{name} is {scale}, which is no SunSpec scale factor (-{_SCALE_MAX} to {_SCALE_MAX})")
    return scale


def _signed(raw: int, bits: int) -> int:
    return raw - (1 << bits) if raw >> (bits - 1) else raw
