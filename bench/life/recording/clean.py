"""From columns to the recording that the audit calculates with; each assumption becomes a sentence.

In this order: time, rows, state of charge, gaps, temperature, sign of the current, charge counted on current. The figures are
this bench's own choices; the pitfalls behind them are those of public logs (TeslaMate, OVMS, OBD, GB/T 32960).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from v2g_bench.errors import BenchError
from v2g_bench.life.recording.columns import Found, find
from v2g_bench.life.recording.table import Column, Floats, Table

DAY_S = 86_400.0
GAP_S = 900.0  # up to here a line is drawn over a hole
AT_REST = 0.02  # SoC that a parked car may lose in a hole of any length: its own consumers, and rounding
SPAN_C = (-60.0, 100.0)  # what a pack's temperature can be
MOST = 1e8  # A or W: no battery
SURE = 0.3  # the least correlation of charge and SoC that tells the sign of a current
_STEADY = 1e-6  # what varies by less of itself does not vary: it is rounding
TELLING = 0.05  # of SoC that must be travelled before a capacity is told from it
ONE_WAY = 0.1  # of SoC against the only direction of a current: it is no whole record
WARMEST_C = 55.0  # the median of a pack whose unit nobody states; more is °F
LONGEST_S = 50 * 365 * DAY_S
_TO_S = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0, "date": 1.0}
_FACTOR = {"A": 1.0, "mA": 1e-3, "V": 1.0, "mV": 1e-3, "W": 1.0, "kW": 1e3, "km": 1.0, "mi": 1.609344, "m": 1e-3}


@dataclass(frozen=True)
class Recording:
    """A battery's own record: arrays of one length, time ascending.

    time_s: from the first row; soc: 0..1, as reported; temperature_c: pack; c_rate: 1/h into the battery from each row to the
    next, by the charge that is known to flow, None where cycles can only be counted on the SoC; power_w: at the battery.
    capacity_ah: what moves the SoC by 100 %; None where no current is recorded. gaps: (row before, seconds) of each hole whose
    course nobody knows. columns: (quantity, column, unit as stated). assumptions: sentences.
    """

    where: str
    time_s: Floats
    soc: Floats
    temperature_c: Floats
    c_rate: Floats | None
    power_w: Floats | None
    capacity_ah: float | None
    driven_km: float | None
    gaps: tuple[tuple[int, float], ...]
    columns: tuple[tuple[str, str, str], ...]
    assumptions: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        """From the first row to the last."""
        return float(self.time_s[-1])

    @property
    def unknown_s(self) -> float:
        """Of it, the time in holes whose course nobody knows."""
        return sum(seconds for _, seconds in self.gaps)


def recording(
    table: Table,
    asked: Mapping[str, tuple[str, str]],
    *,
    temperature_c: float | None = None,
    capacity_ah: float | None = None,
) -> Recording:
    """The recording in `table`. asked: columns that the caller states; temperature_c: assumed where none is recorded;
    capacity_ah: of the pack, as the caller states it.

    BenchError with file, line and what to do for all that cannot be meant.
    """
    found = find(table, asked)
    notes = [f"{one}" for one in table.notes]
    if "soc" not in found:
        names = ", ".join(list(table.columns)[:40])
        raise BenchError(
            table.where, "has no column of the state of charge", f"state it: --columns soc=NAME, of: {names}"
        )
    time_s, rows = _time(table, found, notes)
    values = {name: _on(table, one, time_s, rows) for name, one in found.items() if name != "time"}
    soc = _soc(table, found["soc"], values["soc"], rows, notes)
    there = np.isfinite(soc)
    if (absent := int((~there).sum())) > 0:
        notes.append(f"{absent} of {len(soc)} rows have no state of charge and are left out")
    if there.sum() < 3:
        raise BenchError(table.where, f"has {int(there.sum())} rows with a state of charge", "at least 3 are needed")
    time_s, soc = time_s[there] - time_s[there][0], soc[there]
    values = {name: one[there] for name, one in values.items()}
    gaps = _gaps(time_s, soc, notes)
    warm = _temperature(table, found, values, time_s, temperature_c, notes)
    current, power = _charge(table, found, values, time_s, soc, notes)
    rate, capacity_ah = _rate(current, power, time_s, soc, capacity_ah, notes)
    driven = _driven(found, values, notes)
    columns = tuple((name, one.column.name, one.unit or "not stated") for name, one in found.items())
    return Recording(
        table.where, time_s, soc, warm, rate, power, capacity_ah, driven, gaps, columns, tuple(dict.fromkeys(notes))
    )


def _time(table: Table, found: dict[str, Found], notes: list[str]) -> tuple[Floats, NDArray[np.intp]]:
    """(times in s, the rows that they are of), ascending. In a capture these are the times of the SoC's own frames."""
    column = found["soc"].column
    if column.at_s is not None:
        order = np.argsort(column.at_s, kind="stable")
        stamps, rows = np.unique(column.at_s[order], return_index=True)
        return stamps, order[rows]
    if "time" not in found:
        hint = f"state it: --columns time=NAME:s, of: {', '.join(list(table.columns)[:40])}"
        raise BenchError(table.where, "has no column of the time", hint)
    time = found["time"]
    _numbers_only(table, time.column, "a date, or a number of seconds")
    values = time.column.values
    if not np.isfinite(values).all():
        raise table.error(int(np.flatnonzero(~np.isfinite(values))[0]), "has no time", "remove the row")
    unit = time.unit or _time_unit(values, notes)
    seconds = values * _TO_S[unit]
    if unit == "date":
        notes.append("times without a zone are read as UTC")
    step = np.diff(seconds)
    if (back := np.flatnonzero(step < 0)).size:
        row, by_s = int(back[0]) + 1, -float(step[back[0]])
        hint = "sort the rows by time" if back.size > 1 else "sort the rows, or remove this one"
        if by_s <= 3600.0 and unit == "date":
            hint = "is it local time where summer time ends? write it in UTC"
        raise table.error(row, f"time runs back by {by_s:g} s ({back.size} times in the file)", hint)
    rows = np.flatnonzero(np.concatenate(([True], step > 0)))
    if twice := len(seconds) - len(rows):
        notes.append(f"{twice} rows repeat the time of the row before: of each time the first row is used")
    if seconds[-1] - seconds[0] > LONGEST_S:
        years = (seconds[-1] - seconds[0]) / 365 / DAY_S
        raise table.error(len(seconds) - 1, f"is {years:.0f} years after the first row", "--columns time=NAME:UNIT")
    return seconds[rows], rows


def _time_unit(values: Floats, notes: list[str]) -> str:
    """By its size, where the time is of the epoch; else seconds."""
    size = float(np.max(np.abs(values))) if len(values) else 0.0
    unit = "ns" if size > 1e17 else "µs" if size > 1e14 else "ms" if size > 1e11 else "s"
    notes.append(f"the unit of the time is not stated: {unit} is assumed")
    return unit


def _numbers_only(table: Table, column: Column, wanted: str) -> None:
    if column.said is not None:
        row, text = column.said
        raise table.error(
            row, f"column {column.name!r} holds {text[:60]!r}, which is not {wanted}", "mend or empty the field"
        )


def _on(table: Table, found: Found, time_s: Floats, rows: NDArray[np.intp]) -> Floats:
    """A quantity at the times of the recording: its rows, or in a capture its last value before, for a minute at most."""
    column = found.column
    _numbers_only(table, column, "a number")
    if column.at_s is None:
        return column.values[rows]
    order = np.argsort(column.at_s, kind="stable")
    at_s = column.at_s[order]
    place = np.searchsorted(at_s, time_s, side="right") - 1
    place = np.where((place < 0) & (at_s[0] - time_s <= 60.0), 0, place)
    fresh = (place >= 0) & (time_s - at_s[np.maximum(place, 0)] <= 60.0)
    return np.where(fresh, column.values[order][np.maximum(place, 0)], np.nan)


def _soc(table: Table, found: Found, values: Floats, rows: NDArray[np.intp], notes: list[str]) -> Floats:
    """As a fraction."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        raise BenchError(table.where, f"column {found.column.name!r} holds no number", "is it the state of charge?")
    unit, name, most = found.unit, found.column.name, float(finite.max())
    if unit == "%" and most <= 1.0 and not found.asked:
        hint = f"is it a fraction? state it: --columns soc={name}:1 or soc={name}:%"
        raise BenchError(table.where, f"{name!r} is stated in % and is never above {most:g}", hint)
    if not unit:
        if most <= 1.5 and np.all(finite == np.round(finite)):
            hint = f"state it: --columns soc={name}:% or soc={name}:1"
            raise BenchError(table.where, f"{name!r} is never above {most:g}: percent or a fraction?", hint)
        unit = "1" if most <= 1.5 else "%"
        notes.append(
            f"the unit of the state of charge is not stated: {'a fraction' if unit == '1' else 'percent'} is assumed"
        )
    soc = values / (100.0 if unit == "%" else 1.0)
    outside = np.flatnonzero((soc < -0.005) | (soc > 1.005))
    if outside.size:
        row = int(outside[0])
        hint = "a count that means no value? leave the field empty; another unit? --columns soc=NAME:%"
        raise table.error(
            int(rows[row]), f"the state of charge is {values[row]:g} {unit if unit != '1' else ''}".rstrip(), hint
        )
    clipped = int(((soc < 0) | (soc > 1)).sum())
    if clipped:
        notes.append(f"{clipped} rows are up to 0.5 % outside 0 to 100 % and are held at the end")
    return np.clip(soc, 0.0, 1.0)


def _gaps(time_s: Floats, soc: Floats, notes: list[str]) -> tuple[tuple[int, float], ...]:
    """The steps whose course nobody knows."""
    step = np.diff(time_s)
    long = np.flatnonzero(step > max(GAP_S, 3.0 * float(np.median(step))))
    rest = np.abs(soc[long + 1] - soc[long]) <= AT_REST
    if parked := int(rest.sum()):
        hours = float(step[long][rest].sum()) / 3600
        notes.append(
            f"{parked} gaps, {hours:.1f} h in all, begin and end within {100 * AT_REST:g} % of charge: taken as rest"
        )
    if (usual_s := float(np.median(step))) > GAP_S:
        notes.append(
            f"rows are {usual_s / 3600:.3g} h apart: between them the state of charge is taken as a line, and cycles in "
            "between are not seen"
        )
    unknown = long[~rest]
    if unknown.size:
        hours, share = float(step[unknown].sum()) / 3600, float(step[unknown].sum() / time_s[-1])
        first = f"the first after {time_s[unknown[0]] / 3600:.1f} h, {step[unknown[0]] / 3600:.1f} h long"
        notes.append(
            f"{unknown.size} gaps, {hours:.1f} h or {100 * share:.1f} % of the recording, hide a change of charge ({first}): "
            "they are left out, and no cycle is counted over them"
        )
    return tuple((int(place), float(step[place])) for place in unknown)


def _temperature(
    table: Table,
    found: dict[str, Found],
    values: dict[str, Floats],
    time_s: Floats,
    assumed_c: float | None,
    notes: list[str],
) -> Floats:
    """Of the pack, °C; of the surroundings where the pack's is not recorded, else what the caller assumes."""
    name = "temperature" if "temperature" in found else "ambient"
    if assumed_c is not None and "temperature" not in found:
        notes.append(f"no temperature of the pack is recorded: {assumed_c:g} °C is assumed throughout, as stated")
        return np.full(len(time_s), assumed_c)
    if assumed_c is not None:
        notes.append(f"the pack's temperature is recorded: the stated {assumed_c:g} °C are not used")
    if name not in found:
        hint = "state its column: --columns temperature=NAME, or what is to be assumed: --temperature 20"
        raise BenchError(table.where, "has no column of a temperature, and ageing hangs on it", hint)
    if name == "ambient":
        notes.append(
            "no temperature of the pack is recorded: that of the surroundings is taken for it, warming by use left out"
        )
    warm, unit = values[name], found[name].unit
    there = np.isfinite(warm)
    if not there.any():
        raise BenchError(table.where, f"column {found[name].column.name!r} holds no temperature", "--temperature 20")
    if not unit:
        middle, column = float(np.median(warm[there])), found[name].column.name
        if WARMEST_C < middle <= 200:
            hint = f"is it °F? state it: --columns {name}={column}:F or {name}={column}:C"
            raise BenchError(table.where, f"half of {column!r} is above {middle:g}, in a unit that is not stated", hint)
        unit = "K" if middle > 200 else "°C"
        notes.append(
            f"the unit of the {name if name == 'ambient' else 'pack'} temperature is not stated: {unit} is assumed"
        )
    warm = warm - 273.15 if unit == "K" else (warm - 32) / 1.8 if unit == "°F" else warm
    outside = np.flatnonzero((warm < SPAN_C[0]) | (warm > SPAN_C[1]))
    if outside.size:
        row = int(outside[0])
        hint = f"a count that means no value? leave the field empty; another unit? --columns {name}=NAME:K"
        what = f"the temperature is {values[name][row]:g} {unit} in column {found[name].column.name!r}"
        raise BenchError(f"{table.where}: {time_s[row] / 3600:.2f} h after its beginning", what, hint)
    if absent := int((~there).sum()):
        notes.append(f"{absent} rows have no temperature: it is drawn as a line between its neighbours")
        warm = np.interp(time_s, time_s[there], warm[there])
    return np.asarray(warm)


def _charge(
    table: Table, found: dict[str, Found], values: dict[str, Floats], time_s: Floats, soc: Floats, notes: list[str]
) -> tuple[Floats | None, Floats | None]:
    """(current, power) into the battery, A and W, each None where it is not recorded, or its sign cannot be told."""
    known: dict[str, Floats] = {}
    for name in ("current", "power"):
        if name not in found:
            continue
        one = found[name]
        unit = one.unit or ("A" if name == "current" else "kW" if float(np.nanmax(np.abs(values[name]))) < 500 else "W")
        if not one.unit:
            notes.append(f"the unit of the {name} is not stated: {unit} is assumed")
        series = values[name] * _FACTOR[unit]
        if (huge := np.flatnonzero(np.abs(series) > MOST)).size:
            where = f"{table.where}: {time_s[huge[0]] / 3600:.2f} h after its beginning"
            hint = f"a count that means no value? leave the field empty; another unit? --columns {name}=NAME:UNIT"
            raise BenchError(where, f"the {name} is {values[name][huge[0]]:g} {unit}", hint)
        if absent := int(np.isnan(series).sum()):
            notes.append(f"{absent} rows have no {name}: there the state of charge tells what flowed")
        sign = _sign(series, time_s, soc)
        if sign == 0:
            notes.append(
                f"whether the {name} is positive into the battery cannot be told from its state of charge: not used"
            )
            continue
        if sign < 0:
            notes.append(f"the {name} is positive out of the battery, as the state of charge shows: it is turned")
        known[name] = sign * series
    if "voltage" in found and ("current" in known) != ("power" in known):
        volts = values["voltage"] * _FACTOR[found["voltage"].unit or "V"]
        if not found["voltage"].unit:
            notes.append("the unit of the voltage is not stated: V is assumed")
        if np.isfinite(volts).all() and float(volts.min()) > 0 and float(volts.max()) < 1e5:
            if "current" in known:
                known["power"] = known["current"] * volts
            else:
                known["current"] = known["power"] / volts
    return known.get("current"), known.get("power")


def _sign(series: Floats, time_s: Floats, soc: Floats) -> int:
    """1 where it flows into the battery, -1 where out of it, 0 where nobody can tell.

    By the correlation over blocks; of a steady current, which has none, by what it moved. Both must say the same.
    """
    dq, dsoc = _blocks(series, time_s, soc)
    together = float((dq**2).sum() * (dsoc**2).sum()) ** 0.5
    if len(dq) < 3 or not together:
        return 0
    moved = float((dq * dsoc).sum()) / together
    steady = any(float(one.std()) <= _STEADY * float(np.abs(one).max()) for one in (dq, dsoc))
    match = moved if steady else float(np.corrcoef(dq, dsoc)[0, 1])
    return 0 if abs(match) < SURE or match * moved <= 0 else 1 if match > 0 else -1


def _blocks(series: Floats, time_s: Floats, soc: Floats) -> tuple[Floats, Floats]:
    """(charge, change of SoC) of stretches of an hour, or a fiftieth of a short recording; holes left out."""
    step = np.diff(time_s)
    there = (step <= GAP_S) & np.isfinite(series[:-1])  # what flowed in a hole nobody knows
    charge = np.concatenate(([0.0], np.cumsum(np.where(there, np.nan_to_num(series[:-1]) * step, 0.0))))
    travel = np.concatenate(([0.0], np.cumsum(np.where(there, np.diff(soc), 0.0))))
    length_s = min(3600.0, float(time_s[-1]) / 50)
    edges = np.unique(
        np.searchsorted(time_s, np.arange(0.0, float(time_s[-1]) + length_s, length_s)).clip(0, len(soc) - 1)
    )
    return np.diff(charge[edges]), np.diff(travel[edges])


def _one_way(charge: Floats, time_s: Floats, soc: Floats) -> str:
    """What a charger's own meter misses: that the other direction is not recorded, though the state of charge went there."""
    there = np.isfinite(charge[:-1]) & (np.diff(time_s) <= GAP_S)
    path = np.concatenate(([0.0], np.cumsum(np.where(there, np.diff(soc), 0.0))))
    fallen, risen = np.maximum.accumulate(path) - path, path - np.minimum.accumulate(path)
    if there.any() and float(charge[:-1][there].min()) >= 0 and float(fallen.max()) > ONE_WAY:
        return "flows out of the battery, and the state of charge falls"
    if there.any() and float(charge[:-1][there].max()) <= 0 and float(risen.max()) > ONE_WAY:
        return "flows into the battery, and the state of charge rises"
    return ""


def _driven(found: dict[str, Found], values: dict[str, Floats], notes: list[str]) -> float | None:
    if "odometer" not in found:
        return None
    unit = found["odometer"].unit or "km"
    if not found["odometer"].unit:
        notes.append("the unit of the odometer is not stated: km is assumed")
    there = values["odometer"][np.isfinite(values["odometer"])] * _FACTOR[unit]
    if len(there) < 2 or there[-1] < there[0]:
        notes.append("the odometer runs back or is empty: it is not used")
        return None
    return float(there[-1] - there[0])


def _rate(
    current: Floats | None, power: Floats | None, time_s: Floats, soc: Floats, stated_ah: float | None, notes: list[str]
) -> tuple[Floats | None, float | None]:
    """(C-rate that is known to flow, the capacity in Ah); of power where there is no current, None where there is neither."""
    charge = current if current is not None else power
    if charge is None:
        return None, stated_ah
    if one_way := _one_way(charge, time_s, soc):
        notes.append(
            f"the {'power' if current is None else 'current'} never {one_way}: cycles are counted on that alone"
        )
        return None, stated_ah
    dq, dsoc = _blocks(charge, time_s, soc)
    # Of dSoC on dQ, not the other way: the counted charge has less noise, and noise in the regressor would bias the slope.
    per_soc = float((dq**2).sum() / (dq * dsoc).sum()) if float((dq * dsoc).sum()) > 0 else 0.0
    told, (kind, unit) = float(np.ptp(soc)) >= TELLING and per_soc > 0, ("current", "Ah")
    size = per_soc / 3600.0
    if current is None:
        kind, unit, size = "power", "kWh", per_soc / 3.6e6
    elif stated_ah and told and abs(size / stated_ah - 1) > 0.2:
        notes.append(
            f"the current moves the state of charge by 100 % in {size:.4g} Ah, {stated_ah:g} Ah were stated: is the capacity, "
            "a unit or the scale of the state of charge another? What was recorded is used"
        )
    if not told and not (stated_ah and current is not None):
        notes.append("the state of charge moves too little to tell a capacity: cycles are counted on it alone")
        return None, stated_ah
    size = size if told else float(stated_ah or 0.0)
    notes.append(f"cycles are counted on {kind}: {size:.4g} {unit} move the state of charge by 100 %")
    rate = charge / (size * (1.0 if current is not None else 1000.0))
    step = np.diff(time_s)
    hole = np.append(step > max(GAP_S, 3.0 * float(np.median(step))), False) | ~np.isfinite(rate)
    slope = np.append(np.diff(soc) / step * 3600.0, 0.0)
    return np.where(hole, slope, rate), size if current is not None else stated_ah
