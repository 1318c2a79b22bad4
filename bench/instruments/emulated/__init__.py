"""Emulated SCPI instruments: an IEEE 488.2 core, HiSLIP and raw-socket servers, one file per instrument.

Every module of this folder is imported below, so a new instrument is one new file that registers itself.

    meter = emulate("keysight-34465a", probe=plant, clock=RealClock(), seed=1, shunt_ohm=0.0001)
    host = InstrumentHost(meter)
    port = await host.start_hislip()
"""

import importlib
import pkgutil

from v2g_bench.clock import Clock
from v2g_bench.instruments.emulated.calls import Answer, Call, Later, command
from v2g_bench.instruments.emulated.digitizer import EmulatedDigitizer
from v2g_bench.instruments.emulated.meter import EmulatedMeter, Probe
from v2g_bench.instruments.emulated.settings import Choice, Integer, Number, Stepped, Switch
from v2g_bench.instruments.emulated.syntax import ScpiError
from v2g_bench.instruments.registry import EMULATED, emulate

__all__ = [
    "EMULATED",
    "Answer",
    "Call",
    "Choice",
    "Clock",
    "EmulatedDigitizer",
    "EmulatedMeter",
    "Integer",
    "Later",
    "Number",
    "Probe",
    "ScpiError",
    "Stepped",
    "Switch",
    "command",
    "emulate",
]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
