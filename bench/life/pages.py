"""The audit of one recording as the document that the report is made from."""

from dataclasses import asdict
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np

from v2g_bench import __version__
from v2g_bench.life.audit import DRAWS, FAR, HORIZON_Y, VOTING, YEARS, Audit, LawResult, series_of
from v2g_bench.life.recording.clean import DAY_S
from v2g_bench.life.verdict import verdicts
from v2g_bench.pack.ageing.plating import CURVES
from v2g_bench.pack.ageing.series import Floats
from v2g_bench.pack.ageing.stress import SOC_NODES, TEMPERATURE_NODES_C
from v2g_bench.reports.model.modelled import Figure, Heat, Judged, Level, Line, Modelled, Section, Sheet, whole_verdict

NO_LOGIC = "No controller's: a recording was handed in, and what moved the battery in it is not known."
THE_RUN = "The controller's of this run, in the minutes that it recorded and under the stimuli of its tests: no duty of a car."
SHOWN_YEARS = 15.0
IS_NOT = (
    "No measurement: no cell was aged, weighed or cycled for it. It can never be issued, and is no certificate.",
    "No forecast of one pack: cells of one make differ, the weakest of a chain counts, and no law here "
    "has seen cell imbalance, vibration, abuse or the knee at the end of a life.",
    "No statement of the durability that a regulation tests: SOCE here is an own approximation from capacity and resistance.",
)


def document(audit: Audit, *, made: datetime, is_run: bool, report_id: str, sha256: str) -> Modelled:
    """Everything that the report says. made: UTC; sha256: of the recording."""
    parts = verdicts(audit)
    verdict = whole_verdict(parts)
    return Modelled.model_validate(
        {
            "kind": "audit",
            "title": "Cycle-life audit of a recording",
            "report_id": report_id,
            "made": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "bench_version": __version__,
            "verdict": verdict,
            "sentence": _sentence(audit, parts, verdict),
            "whose_logic": THE_RUN if is_run else NO_LOGIC,
            "facts": tuple(_facts(audit, sha256)),
            "verdicts": parts,
            "assumptions": (*_far(audit), *audit.assumptions),
            "is_not": IS_NOT,
            "sections": (_cost(audit), _ten_years(audit), _voting(audit), _stress(audit)),
            "values": _values(audit),
        }
    )


def _sentence(audit: Audit, parts: tuple[Judged, ...], verdict: str) -> str:
    ten = [one.fade[np.searchsorted(YEARS, HORIZON_Y)] for one in audit.laws if one.votes]
    span = f"{100 * min(ten):.0f} to {100 * max(ten):.0f} %" if ten else "no voting law's figure"
    if verdict == "INCONCLUSIVE":
        first = next(one for one in parts if one.counts and one.verdict == "INCONCLUSIVE")
        return f"{first.sentence[0].upper()}{first.sentence[1:]}."
    keeps = "Every" if verdict == "PASS" else "No"
    return f"{keeps} voting law keeps this battery above its durability limits; ten years cost {span} of its capacity."


def _far(audit: Audit) -> list[str]:
    if not audit.long_enough or audit.extrapolated <= FAR:
        return []
    return [
        f"EXTRAPOLATED: ten years are {audit.extrapolated:.0f} times what was recorded (more than {FAR:g} is marked); the "
        "recording is taken to repeat, with its season, its weather and its use"
    ]


def _facts(audit: Audit, sha256: str) -> list[tuple[str, str]]:
    record, stress = audit.record, audit.stress
    known = stress.known_s / DAY_S
    facts = [
        ("Recording", record.where),
        ("its SHA-256", sha256),
        ("Recorded", f"{record.duration_s / DAY_S:.3g} days, {len(record.time_s):,} rows; {known:.3g} days known"),
        ("Columns", "; ".join(f"{quantity} = {column} [{unit}]" for quantity, column, unit in record.columns)),
        ("Chemistry", audit.pack.chemistry),
        ("Capacity", _capacity(audit)),
        ("Class", "van (N1)" if audit.pack.van else "car (M1)"),
        ("Draws", f"{DRAWS} of each law's parameters, the same for every audit"),
    ]
    if audit.km_a_year is not None:
        facts.append(("Driven", f"{record.driven_km:,.0f} km recorded, {audit.km_a_year:,.0f} km a year"))
    return facts


def _capacity(audit: Audit) -> str:
    ah, kwh = audit.record.capacity_ah, audit.pack.capacity_kwh
    said = [f"{ah:.4g} Ah by the recording" if ah else "", f"{kwh:g} kWh as stated" if kwh else ""]
    return ", ".join(filter(None, said)) or "not stated: nothing in kWh or Ah is reported"


def _cost(audit: Audit) -> Section:
    """What was recorded cost, and what a year of it is."""
    stress, record = audit.stress, audit.record
    a_year, moved = audit.per_year, audit.moved
    efc = stress.efc * moved
    rows = [_row("equivalent full cycles (own definition: charge moved / twice the capacity)", efc, a_year, 2)]
    if stress.energy_kwh is not None:
        rows.append(_row("energy throughput, charge and discharge, kWh", stress.energy_kwh * moved, a_year, 1))
    if record.capacity_ah:
        rows.append(_row("charge throughput, charge and discharge, Ah", stress.throughput_ah * moved, a_year, 1))
    soc, warm, hours = _hours(audit)
    for text, there in (
        ("below 10 °C", warm < 10.0),
        ("above 35 °C", warm > 35.0),
        ("at or above 80 % of charge", soc >= 0.8 - 1e-9),
    ):
        rows.append(_row(f"hours {text}", float(hours[there].sum()), a_year, 1))
    if not audit.long_enough:
        rows = [(name, value, "too short") for name, value, _ in rows]
    table = Sheet(title="", head=("Quantity", "recorded", "a year of it"), rows=tuple(rows), numbers=(1, 2))
    if not audit.long_enough:  # what follows is of years
        return Section(title="What it cost", sheets=(table, _plating(audit)))
    effect = Sheet(
        title="What the hysteresis before counting does",
        head=("Hysteresis", "cycles a year", "EFC a year, counted", *(one.law.facts.title for one in audit.laws)),
        rows=tuple(
            (
                f"{100 * value:g} %",
                f"{count:,.0f}",
                f"{efc:.1f}",
                *(f"{100 * fades[one.law.name]:.1f} %" for one in audit.laws),
            )
            for value, (count, efc, fades) in audit.by_hysteresis.items()
        ),
        numbers=tuple(range(1, 3 + len(audit.laws))),
        note="Under each law its loss of capacity after ten years. A law that moves much hangs on shallow cycles, or on noise.",
    )
    return Section(title="What it cost", sheets=(table, _plating(audit), effect))


def _hours(audit: Audit) -> tuple[Floats, Floats, Floats]:
    """(SoC, °C, hours) of each known interval, at its middle; the laws' grid would blur a threshold by a cell."""
    series = series_of(audit.record, audit.pack)
    known = series.known
    soc, warm = (0.5 * (one[:-1] + one[1:])[known] for one in (series.soc, series.temperature_c))
    return soc, warm, np.diff(series.time_s)[known] / 3600.0


def _plating(audit: Audit) -> Sheet:
    """Charging above the limit current; Ah where a capacity is known, else in SoC. Nothing of a reported SoC alone."""
    title = "Charging above the current from which lithium plating can begin"
    if not audit.stress.current_known:
        why = "no current is recorded, and the steps of a reported state of charge tell none"
        rows = tuple((name, curve.source, why) for name, curve in CURVES.items())
        return Sheet(title=title, head=("Limit", "From", "Not told"), rows=rows)
    known = audit.record.capacity_ah
    unit, factor = ("Ah", 1.0) if known else ("% of charge", 100.0)
    return Sheet(
        title=title,
        head=("Limit", "From", "hours", f"charged then, {unit}", f"beyond the limit, {unit}", "hours outside it"),
        rows=tuple(
            (
                name,
                CURVES[name].source,
                f"{one.hours:.2f}",
                f"{factor * one.charged_ah:.2f}",
                f"{factor * one.beyond_ah:.2f}",
                f"{one.outside_h:.1f}",
            )
            for name, one in audit.plating.items()
        ),
        numbers=(2, 3, 4, 5),
        note="As recorded. Where plating begins differs tenfold between models, so three limits. Discharge never plates. "
        "Outside: hours of charging colder, hotter or fuller than a limit was computed for.",
    )


def _row(name: str, value: float, a_year: float, places: int) -> tuple[str, str, str]:
    return name, f"{value:,.{places}f}", f"{value * a_year:,.{max(places - 1, 0)}f}"


def _ten_years(audit: Audit) -> Section:
    ten = int(np.searchsorted(YEARS, HORIZON_Y))
    margins = audit.pack.margins
    head = ("Law", "votes", "capacity lost", "SOCE at 10 y", "resistance", "calendar share", "80 % after")
    rows = []
    for one in audit.laws:
        resistance = "none" if one.resistance is None else f"+{100 * one.resistance[ten]:.0f} %"
        years = f"{one.gone_year:.1f} y" if one.gone_year is not None else f"> {YEARS[-1]:g} y"
        mark = " *" if one.gone_year is None or one.gone_year > SHOWN_YEARS else ""
        interval = f"{100 * one.soce[ten]:.1f} % [{100 * one.low[ten]:.1f}, {100 * one.high[ten]:.1f}]"
        fade, share = f"{100 * one.fade[ten]:.1f} %", f"{100 * one.calendar_share:.0f} %"
        rows.append(
            (one.law.facts.title, "yes" if one.votes else "beside", fade, interval, resistance, share, years + mark)
        )
    loss = Sheet(
        title="After ten years of it",
        head=head,
        rows=tuple(rows),
        numbers=(2, 3, 4, 5, 6),
        note="SOCE: own approximation, capacity left less what grown resistance loses. In brackets 95 % of the draws within "
        "the law; the spread over laws is larger and is not pooled. * beyond 15 years: an extrapolation, no lifetime.",
    )
    kept = Sheet(
        title="Margins to the durability limits, SOCE less limit",
        head=("Law", *(f"{100 * m.soce:.0f} % at {m.years:g} y / {m.km:,.0f} km" for m in margins)),
        rows=tuple(
            (one.law.facts.title, *(_margin(one, place, m.soce) for place, m in enumerate(margins)))
            for one in audit.laws
        ),
        numbers=tuple(range(1, 1 + len(margins))),
        note="Whichever comes first; without an odometer by years alone. Limits of EU 2024/1257 (Euro 7).",
    )
    shown = YEARS <= SHOWN_YEARS
    lines = tuple(
        Line(
            name=one.law.facts.title + ("" if one.votes else " (beside)"),
            x=tuple(YEARS[shown]),
            y=tuple(100 * one.soce[shown]),
            low=tuple(100 * one.low[shown]) if one.votes else (),
            high=tuple(100 * one.high[shown]) if one.votes else (),
            beside=not one.votes,
        )
        for one in audit.laws
    )
    ends = [0.0, *(m.years for m in margins)]
    levels = tuple(
        Level(text=f"{100 * m.soce:.0f} %", y=100 * m.soce, from_x=ends[place], to_x=m.years)
        for place, m in enumerate(margins)
    )
    figure = Figure(
        title="State of certified energy over the years, one line for each law; dashed: without a vote",
        x_label="years",
        y_label="SOCE / %",
        lines=lines,
        levels=levels,
    )
    text = tuple(_far(audit)) or ()
    if not audit.long_enough:
        return Section(title="Ten years of it", text=("The recording is too short to say anything about years.",))
    return Section(title="Ten years of it", text=text, sheets=(loss, kept), figures=(figure,))


def _margin(one: LawResult, place: int, limit: float) -> str:
    year, soce, low, high = one.reached[place]
    points = 100 * (soce - limit)
    return f"{points:+.1f} [{100 * (low - limit):+.1f}, {100 * (high - limit):+.1f}] after {year:.1f} y".replace(
        "-", "−"
    )


def _voting(audit: Audit) -> Section:
    rows: list[tuple[str, ...]] = []
    for one in audit.laws:
        facts = one.law.facts
        clamps = (
            "; ".join(f"{name} {100 * share:.0f} %" for name, share in one.clamps.items() if share >= 0.005) or "none"
        )
        blind = ", ".join(sorted(facts.blind_to)) or "nothing"
        vote = "votes" if one.votes else f"beside: {one.why}"
        rows.append(
            (facts.title, f"{facts.chemistry}, {facts.cell}", f"{100 * one.in_range:.0f} %", blind, clamps, vote)
        )
    head = ("Law", "Fitted on", "in its range", "Blind to", "Clamped", "Vote")
    sources = Sheet(
        title="Sources",
        head=("Law", "Source", "Saturates", "Order matters"),
        rows=tuple(
            (o.law.facts.title, o.law.facts.source, _yes(o.law.facts.saturates), _yes(o.law.facts.order_matters))
            for o in audit.laws
        ),
    )
    return Section(
        title="Which laws may speak",
        text=(
            f"A law votes where it was fitted on the pack's chemistry and at least {100 * VOTING:.0f} % of the damage that it "
            "finds lies inside the range of its tests. What it is blind to is no evidence that this does not matter.",
        ),
        sheets=(Sheet(title="", head=head, rows=tuple(rows), numbers=(2,)), sources),
    )


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _stress(audit: Audit) -> Section:
    i, j = np.nonzero(audit.stress.occupancy_h)
    edges_c = np.arange(-40.5, 83.0, 3.0)
    cells, _, _ = np.histogram2d(
        100 * SOC_NODES[i],
        TEMPERATURE_NODES_C[j],
        bins=(np.linspace(0.0, 100.0, 26), edges_c),
        weights=audit.stress.occupancy_h[i, j],
    )
    there = np.flatnonzero(cells.sum(axis=0))
    first, last = max(int(there[0]) - 1, 0), min(int(there[-1]) + 2, len(edges_c) - 1)
    frames = []
    for one in audit.laws:
        fitted = one.law.facts.fitted
        if one.law.chemistry == audit.pack.chemistry and fitted.calendar_c and fitted.calendar_soc:
            bounds = (fitted.calendar_c, fitted.calendar_soc)
            frames.append(
                (one.law.facts.title, 100 * bounds[1].low, 100 * bounds[1].high, bounds[0].low, bounds[0].high)
            )
    heat = Heat(
        x=tuple(2.0 + 4.0 * place for place in range(25)),
        y=tuple(float(edges_c[place]) + 1.5 for place in range(first, last)),
        hours=tuple(tuple(map(float, cells[:, place])) for place in range(first, last)),
        frames=tuple(frames),
    )
    plane = Figure(
        title="Where the battery was: hours over state of charge and temperature (darker: more), and the laws' calendar tests",
        x_label="state of charge / %",
        y_label="temperature / °C",
        heat=heat,
    )
    cycles = audit.stress.cycles
    edges = np.array([0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.01])
    rows = []
    for low, high in pairwise(edges.tolist()):
        mine = (cycles.depth >= low) & (cycles.depth < high)
        count, travel = float(cycles.count[mine].sum()), float(cycles.travel[mine].sum())
        share = travel / max(float(cycles.travel.sum()), 1e-12)
        rows.append((f"{100 * low:g} to {min(100 * high, 100):g} %", f"{count:,.1f}", f"{100 * share:.1f} %"))
    table = Sheet(
        title="Cycles by rainflow (ASTM E1049-85)",
        head=("Depth", "cycles recorded", "share of the charge moved"),
        rows=tuple(rows),
        numbers=(1, 2),
        note=f"Hysteresis {100 * audit.stress.hysteresis:g} % of charge; counted on "
        + ("the charge that flowed." if audit.stress.current_known else "the reported state of charge."),
    )
    return Section(title="What the battery went through", sheets=(table,), figures=(plane,))


def _values(audit: Audit) -> dict[str, Any]:
    """All figures, for a program."""
    laws = {}
    for one in audit.laws:
        laws[one.law.name] = {
            "votes": one.votes,
            "why_not": one.why,
            "in_range": one.in_range,
            "calendar_share": one.calendar_share,
            "years": YEARS.tolist(),
            "soce": one.soce.tolist(),
            "capacity_fade": one.fade.tolist(),
            "resistance_increase": None if one.resistance is None else one.resistance.tolist(),
            "years_to_80_pct": one.gone_year,
            "margins": [
                {"limit": m.soce, "due_years": at[0], "soce": at[1], "low": at[2], "high": at[3]}
                for m, at in zip(audit.pack.margins, one.reached, strict=True)
            ],
        }
    return {
        "recorded_s": audit.record.duration_s,
        "known_s": audit.stress.known_s,
        "extrapolated": audit.extrapolated,
        "efc": audit.stress.efc * audit.moved,
        "efc_by_soc": audit.stress.efc_soc,
        "energy_kwh": None if audit.stress.energy_kwh is None else audit.stress.energy_kwh * audit.moved,
        "charge_ah": audit.stress.throughput_ah * audit.moved if audit.record.capacity_ah else None,
        "hysteresis": {
            str(value): {"cycles_a_year": count, "efc_a_year": efc, "fade_after_10_years": fades}
            for value, (count, efc, fades) in audit.by_hysteresis.items()
        },
        "plating": {name: asdict(one) for name, one in audit.plating.items()} if audit.stress.current_known else None,
        "micro_cycles": {"a_year": audit.shallow[0], "share_of_travel": audit.shallow[1]},
        "laws": laws,
    }
