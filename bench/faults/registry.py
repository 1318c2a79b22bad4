"""All kinds of fault by name, and the way back from data."""

from collections.abc import Mapping
from typing import Any

from v2g_bench.can.roles import close_to
from v2g_bench.errors import BenchError
from v2g_bench.faults.babbling_node import BabblingNode
from v2g_bench.faults.base import Fault, require_whole
from v2g_bench.faults.bit_errors import WireBitErrors
from v2g_bench.faults.bms_frozen import BmsFrozen
from v2g_bench.faults.bms_silence import BmsSilence
from v2g_bench.faults.burst_errors import WireBursts
from v2g_bench.faults.cell_apart import CellApart
from v2g_bench.faults.cell_imbalance import CellImbalance
from v2g_bench.faults.cell_voltage import CellVoltage
from v2g_bench.faults.cell_voltages import CellVoltages
from v2g_bench.faults.cold_cell import ColdCell
from v2g_bench.faults.continuous_rating import ContinuousRating
from v2g_bench.faults.dominant_short import DominantShort
from v2g_bench.faults.emi_noise import EmiNoise
from v2g_bench.faults.imbalance_code import ImbalanceCode
from v2g_bench.faults.missing_terminator import MissingTerminator
from v2g_bench.faults.open_wire import OpenWire
from v2g_bench.faults.over_current import OverCurrent
from v2g_bench.faults.over_temperature import OverTemperature
from v2g_bench.faults.pack_temperature import PackTemperature
from v2g_bench.faults.power_limit import PowerLimit
from v2g_bench.faults.sick_transceiver import SickTransceiver
from v2g_bench.faults.signal_count import SignalCount
from v2g_bench.faults.soc_divergence import SocDivergence
from v2g_bench.faults.state_of_charge import StateOfCharge
from v2g_bench.faults.string_voltage_difference import StringVoltageDifference
from v2g_bench.faults.switching_noise import SwitchingNoise
from v2g_bench.faults.tampered_frames import TamperedFrames
from v2g_bench.faults.thermal_gradient import ThermalGradient
from v2g_bench.faults.worn_battery import WornBattery
from v2g_bench.faults.wrong_sample_point import WrongSamplePoint
from v2g_bench.inputs import packages
from v2g_bench.inputs.packages import names

FAULTS: tuple[type[Fault], ...] = (
    BmsFrozen,
    BmsSilence,
    CellApart,
    CellImbalance,
    CellVoltage,
    CellVoltages,
    ColdCell,
    ContinuousRating,
    EmiNoise,
    ImbalanceCode,
    OverCurrent,
    OverTemperature,
    PackTemperature,
    PowerLimit,
    SignalCount,
    SocDivergence,
    StateOfCharge,
    StringVoltageDifference,
    TamperedFrames,
    ThermalGradient,
    BabblingNode,
    DominantShort,
    MissingTerminator,
    OpenWire,
    SickTransceiver,
    SwitchingNoise,
    WireBitErrors,
    WireBursts,
    WrongSamplePoint,
    WornBattery,
)
KINDS: dict[str, type[Fault]] = {fault.kind: fault for fault in FAULTS}


def from_dict(data: Mapping[str, Any]) -> Fault:
    """The fault that `to_dict` described; BenchError for an unknown kind or field, or a value out of range."""
    fields = dict(data)
    kind = fields.pop("kind", None)
    known = KINDS.get(kind) or _of_a_package(kind) if isinstance(kind, str) else None
    if known is None:
        kinds = [*KINDS, *names(packages.FAULTS)]
        raise BenchError("fault", f"unknown kind {kind!r}", close_to(str(kind), kinds) or f"known: {', '.join(kinds)}")
    return known.from_fields(fields)


def _of_a_package(kind: str) -> type[Fault] | None:
    """A kind that a package registers in the group `v2g_bench.faults`; BenchError where that is no fault of this kind."""
    part = packages.part_of_a_package(packages.FAULTS, kind)
    if part is None:
        return None
    if not issubclass(part, Fault) or getattr(part, "kind", None) != kind:
        raise BenchError(
            f"fault {kind}",
            f"{part.__module__}:{part.__qualname__} is no fault of that kind",
            f"a frozen dataclass, derived from v2g_bench.faults.Fault, with kind = {kind!r}: {packages.PAGE}",
        )
    require_whole(part)
    return part
