"""SCPI meters: PyVISA drivers, and emulated instruments that the same drivers talk to.

protocols.py defines what a meter of each kind does, session.py is the wire, and each driver is one file here that
registers itself; emulated/ holds the instruments. Every module of this folder is imported below, so a new driver is
one new file and nothing else.

    digitizer = open_meter("keysight-34465a", "TCPIP::192.0.2.7::hislip0::INSTR", shunt_ohm=0.0001)
    digitizer.arm(sample_rate_hz=50_000, before_s=0.05, after_s=0.15)
    waveform = digitizer.fetch(trigger_s=edge_s)
"""

import importlib
import pkgutil

from v2g_bench.instruments.digitizer import AcquisitionPlan, Record, ShuntDigitizer, State
from v2g_bench.instruments.protocols import (
    CurrentDigitizer,
    DigitizerTiming,
    Identity,
    Multimeter,
    Pending,
    PowerAnalyzer,
    PowerReading,
)
from v2g_bench.instruments.registry import DRIVERS, driver, open_meter
from v2g_bench.instruments.session import ScpiSession

__all__ = [
    "DRIVERS",
    "AcquisitionPlan",
    "CurrentDigitizer",
    "DigitizerTiming",
    "Identity",
    "Multimeter",
    "Pending",
    "PowerAnalyzer",
    "PowerReading",
    "Record",
    "ScpiSession",
    "ShuntDigitizer",
    "State",
    "driver",
    "open_meter",
]

for _module in pkgutil.iter_modules(__path__):
    if not _module.ispkg:
        importlib.import_module(f"{__name__}.{_module.name}")
