"""The fault library: things wrong with the world, as data, each with the readback that proves it reached the wire.

A fault is a frozen dataclass. It changes what the BMS senses (`senses`) or the path of its frames (`transmit`), states
what it shows on the bus (`signals`), and what must be seen there before it counts as injected (`readback`).

>>> fault = from_dict({"kind": "over_temperature", "cell": 17, "to_c": 45.5})
>>> fault.signals()
{'cell_temperature_max': 45.5}
>>> fault.readback().met_by({"cell_temperature_max": 25.0})
False

To add a fault:

1. a file here, named as its kind: a frozen dataclass that derives from `Fault`, with `kind` as a ClassVar;
2. `__post_init__` checks each field with `self.check(field, low, high)`;
3. `senses` returns overrides of `v2g_bench.plant.sensors`, or `transmit` returns `DisturbanceSettings`; a fault of the
   wire derives from `WireFault` and returns its `condition` instead;
4. `signals` returns the roles that a gateway in front of a real BMS would write;
5. `readback` returns an `Expectation` about a role or a `BusExpectation` about the traffic;
6. its class goes into `registry.FAULTS` and into the exports here;
7. one line in the table of tests/unit/faults/test_registry.py, and one in tests/integration/plant/test_faults.py;
8. its row in fixtures/faults.md: `row` in tests/unit/test_faults_page.py makes it.
"""

from v2g_bench.bms.disturbance import DisturbanceSettings
from v2g_bench.can.physics.condition import Condition
from v2g_bench.faults.babbling_node import BabblingNode
from v2g_bench.faults.base import HEALTHY, Fault, Overrides, Seen
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
from v2g_bench.faults.expectation import (
    BusExpectation,
    BusWindow,
    CountExpectation,
    Expectation,
    WireExpectation,
    spread_ms,
)
from v2g_bench.faults.imbalance_code import ImbalanceCode
from v2g_bench.faults.missing_terminator import MissingTerminator
from v2g_bench.faults.open_wire import OpenWire
from v2g_bench.faults.over_current import OverCurrent
from v2g_bench.faults.over_temperature import OverTemperature
from v2g_bench.faults.pack_temperature import PackTemperature
from v2g_bench.faults.power_limit import PowerLimit
from v2g_bench.faults.registry import FAULTS, KINDS, from_dict
from v2g_bench.faults.sick_transceiver import SickTransceiver
from v2g_bench.faults.signal_count import SignalCount
from v2g_bench.faults.soc_divergence import SocDivergence
from v2g_bench.faults.state_of_charge import StateOfCharge
from v2g_bench.faults.string_voltage_difference import StringVoltageDifference
from v2g_bench.faults.switching_noise import SwitchingNoise
from v2g_bench.faults.tampered_frames import TamperedFrames
from v2g_bench.faults.thermal_gradient import ThermalGradient
from v2g_bench.faults.wire_fault import WireFault
from v2g_bench.faults.worn_battery import WornBattery
from v2g_bench.faults.wrong_sample_point import WrongSamplePoint

__all__ = [
    "FAULTS",
    "HEALTHY",
    "KINDS",
    "BabblingNode",
    "BmsFrozen",
    "BmsSilence",
    "BusExpectation",
    "BusWindow",
    "CellApart",
    "CellImbalance",
    "CellVoltage",
    "CellVoltages",
    "ColdCell",
    "Condition",
    "ContinuousRating",
    "CountExpectation",
    "DisturbanceSettings",
    "DominantShort",
    "EmiNoise",
    "Expectation",
    "Fault",
    "ImbalanceCode",
    "MissingTerminator",
    "OpenWire",
    "OverCurrent",
    "OverTemperature",
    "Overrides",
    "PackTemperature",
    "PowerLimit",
    "Seen",
    "SickTransceiver",
    "SignalCount",
    "SocDivergence",
    "StateOfCharge",
    "StringVoltageDifference",
    "SwitchingNoise",
    "TamperedFrames",
    "ThermalGradient",
    "WireBitErrors",
    "WireBursts",
    "WireExpectation",
    "WireFault",
    "WornBattery",
    "WrongSamplePoint",
    "from_dict",
    "spread_ms",
]
