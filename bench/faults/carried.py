"""A fault as a database can carry it: a stimulus stays on the side of a limit that it was asked on.

A signal has counts, and what is asked for is rounded to one of them. With steps of 0.1 K from an offset of 0.05 K the
nearest count to 45.0 °C is 45.05 °C: a danger where none was meant. So the nearest count on the same side is taken, the
fault states that value from then on, and `wrong_side` tells whether the bus shows it there.

>>> from v2g_bench.can.codec import SignalCodec
>>> codec = SignalCodec("string_voltage_difference", "V", 0, 8, False, False, 0, 1, 0, 10, 0, 255)
>>> nearest(codec, 0.32, above=0.3), nearest(codec, 0.299, above=0.3)
(0.4, 0.3)
"""

import math
from collections.abc import Mapping
from dataclasses import replace

from v2g_bench.can.codec import SignalCodec
from v2g_bench.can.database import BusDatabase
from v2g_bench.errors import NotTested
from v2g_bench.faults.base import Fault
from v2g_bench.faults.expectation import DANGEROUS_ABOVE, Expectation


def carried(fault: Fault, db: BusDatabase) -> Fault:
    """The same fault with the value that the database carries for it; NotTested where it carries none on that side.

    Faults that are no level of one signal (flags, differences, changes, traffic) stay as they are.
    """
    level = fault.level()
    if level is None or not db.has(level.role):
        return fault
    asked = getattr(fault, level.field) * level.per
    try:
        value = nearest(db.codec(level.role), asked, above=DANGEROUS_ABOVE.get(level.role, math.inf))
    except ValueError as error:
        raise NotTested(f"{db.path.name} cannot carry {fault}: {error}") from None
    in_field = value if level.per == 1.0 else round(value / level.per, 9)
    return fault if in_field == getattr(fault, level.field) else replace(fault, **{level.field: in_field})


def nearest(codec: SignalCodec, value: float, above: float = math.inf) -> float:
    """The nearest value that the signal can carry, above this limit only if `value` is; ValueError if there is none."""
    near = codec.value(codec.count(value))
    if (near > above) == (value > above):
        return near
    return codec.above(above, 1 if value > above else 0)


def as_carried(expected: Expectation, fault: Fault, db: BusDatabase) -> Expectation:
    """What must be seen of a fault that is `carried`: its very count, or as near as a difference of counts can be."""
    level, step = fault.level(), db.resolution(expected.role)
    if level is not None and level.role == expected.role:
        return replace(expected, tolerance=step / 4)
    return expected.at_resolution(step)


def wrong_side(expected: Expectation, quantity: float, limits: Mapping[str, float]) -> str:
    """Why what the bus shows (`Expectation.quantity`) is on the other side of its limit than what is meant; "" if it is not.

    limits: by role for a level, by "role - other role" for a difference, by "change of role" for a change either way.
    """
    limit = limits.get(expected.what)
    if limit is None:
        return ""
    meant, shown = (abs(expected.value), abs(quantity)) if expected.change else (expected.value, quantity)
    if (meant > limit) == (shown > limit):
        return ""
    return f"the bus shows {expected.what} = {shown:g}, on the other side of {limit:g} than {meant:g}, which is meant"
