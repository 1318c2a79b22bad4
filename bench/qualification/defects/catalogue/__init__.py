"""What is broken on purpose, as data: each defect with the check that must detect it, and the reason that it must give.

A new defect is a line in the module of its family:

| module        | what is broken                                                                       |
| ------------- | ------------------------------------------------------------------------------------ |
| `trips`       | the trip is late, at another limit, not latched, or blind to a part of what can be   |
| `contactors`  | bridge and contactors: order, load, time, welds                                      |
| `fallbacks`   | silence, gradient, divergence, noise, imbalance: no fallback, or too late            |
| `limits`      | power and limits, at all operating points or at a part of them                       |
| `supervision` | the bus and the inverter's line                                                      |
| `lasting`     | what shows after a time, after many trips, after a restart or kill                   |
| `states`      | a danger that is missed in one state of the controller                               |
| `sayings`     | log, frames, status and health                                                       |
| `alone`       | a requirement of no family above, or a combination                                   |
| `parts`       | a part of the rig: contactor, inverter, meter, BMS                                   |
| `benches`     | the bench itself                                                                     |

`defect` has its fields, and how a line is written: `fails(NAME, REQUIREMENT, REASON, TESTS)`.
"""

from v2g_bench.qualification.defects.catalogue.alone import ONE_EACH, TOGETHER
from v2g_bench.qualification.defects.catalogue.benches import BENCH
from v2g_bench.qualification.defects.catalogue.contactors import CONTACTORS
from v2g_bench.qualification.defects.catalogue.defect import CONTROLLERS, Defect
from v2g_bench.qualification.defects.catalogue.fallbacks import FALLING_BACK, TOO_LATE
from v2g_bench.qualification.defects.catalogue.lasting import LASTING
from v2g_bench.qualification.defects.catalogue.limits import PARTIAL, POWERS
from v2g_bench.qualification.defects.catalogue.parts import PARTS
from v2g_bench.qualification.defects.catalogue.sayings import SAYINGS, WORDS
from v2g_bench.qualification.defects.catalogue.states import IN_STATES
from v2g_bench.qualification.defects.catalogue.supervision import SUPERVISION
from v2g_bench.qualification.defects.catalogue.trips import BLIND, IMPLAUSIBLE, TRIPS

__all__ = ["CATALOGUE", "CONTROLLERS", "Defect"]

CATALOGUE: tuple[Defect, ...] = (
    *TRIPS,
    *BLIND,
    *IMPLAUSIBLE,
    *PARTIAL,
    *CONTACTORS,
    *WORDS,
    *POWERS,
    *FALLING_BACK,
    *SUPERVISION,
    *ONE_EACH,
    *TOGETHER,
    *LASTING,
    *TOO_LATE,
    *SAYINGS,
    *IN_STATES,
    *PARTS,
    *BENCH,
)
