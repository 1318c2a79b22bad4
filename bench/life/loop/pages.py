"""Two configurations, or the manual's recommendations, as the document that the report is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np

from v2g_bench import __version__
from v2g_bench.life.audit import CAR, FAR, VAN
from v2g_bench.life.loop.ablation import Ablated
from v2g_bench.life.loop.compare import ASSUMED, Comparison, Side, Terms
from v2g_bench.life.loop.configuration import Configuration
from v2g_bench.life.loop.lives import Life
from v2g_bench.life.loop.verdict import LawDifference
from v2g_bench.life.loop.year import Setting, Tally
from v2g_bench.metrology.verdict import Verdict
from v2g_bench.pack.ageing.law import Law
from v2g_bench.pack.ageing.series import Floats
from v2g_bench.reports.model.modelled import Figure, Judged, Line, Modelled, Section, Sheet, whole_verdict

THE_FILES = "The reference controller's, fed with these files. Another controller may make something else of them."
IS_NOT = (
    "No measurement: no cell was aged for it. It can never be issued, and is no certificate.",
    "No forecast of one pack: what is judged is the difference of two configurations on the same duty, weather and draws.",
    "No statement on the service's value: the energy that each configuration serves is printed, its price is not known here.",
)
_SIDES = (("As configured", "as_configured"), ("At equal energy", "equal_energy"))


def compared(found: Comparison, laws: Mapping[str, Law], *, made: datetime, report_id: str) -> Modelled:
    """The report on B against A. made: UTC."""
    a, b = found.as_configured.a.candidate, found.as_configured.b.candidate
    terms = found.terms
    question = (
        f"{b.name} costs no more than {a.name} plus {terms.margin_pct:g} points of capacity in {terms.years} years"
    )
    parts = (
        _judged(question, found.verdict, found.reason),
        *(
            _judged(name, judged.verdict, judged.reason, counts=False)
            for name, judged in ((name, getattr(found, key).judgement) for name, key in _SIDES)
        ),
    )
    sections = (
        *(_differences(name, getattr(found, key)) for name, key in _SIDES),
        _served(found),
        _over_years(found, laws),
    )
    return _document(
        f"Cycle life of two configurations: {a.name} and {b.name}",
        parts,
        found.reason,
        [*_facts(found.setting, found.terms), *_settings("A", a.configuration), *_settings("B", b.configuration)],
        (*_far(found.setting, found.terms), *found.assumed),
        sections,
        {key: _values(getattr(found, key)) for _, key in _SIDES},
        made=made,
        report_id=report_id,
    )


def ablated(
    rows: Sequence[Ablated], base: Configuration, setting: Setting, terms: Terms, *, made: datetime, report_id: str
) -> Modelled:
    """The report on each recommendation of the manual, switched off alone. made: UTC."""
    parts = tuple(
        _judged(f"It costs no life to have it: {row.recommendation.name}", row.comparison.verdict, row.finding)
        for row in rows
    )
    table = Sheet(
        title="What each recommendation saves",
        head=(
            "recommendation",
            "condition",
            "laws for",
            "against",
            "difference over the laws",
            "served without / with",
        ),
        rows=tuple(_row(row, name, getattr(row.comparison, key)) for row in rows for name, key in _SIDES),
        numbers=(2, 3),
        note="Difference: points of capacity with the recommendation minus without it, so what helps is negative. A law is for "
        "or against where its 95 % interval leaves out zero, voting or not; only laws of the pack's chemistry are counted.",
    )
    laws = tuple(
        _differences(f"{row.recommendation.name}, {name[0].lower()}{name[1:]}", getattr(row.comparison, key))
        for row in rows
        for name, key in _SIDES
    )
    return _document(
        f"The manual's recommendations, each switched off alone: {base.name}",
        parts,
        "; ".join(f"{row.recommendation.name}: {row.comparison.verdict.value}" for row in rows),
        [*_facts(setting, terms), *_settings("all", base)],
        (*_far(setting, terms), *ASSUMED, *base.assumed),
        (Section(title="The recommendations", sheets=(table, *_hystereses(rows))), *laws),
        {row.recommendation.name: {key: _values(getattr(row.comparison, key)) for _, key in _SIDES} for row in rows},
        made=made,
        report_id=report_id,
    )


def _hystereses(rows: Sequence[Ablated]) -> list[Sheet]:
    return [
        Sheet(
            title=f"{row.recommendation.name}: what the hysteresis of the counting makes of it",
            head=("law", *(f"{100 * hysteresis:g} % of SoC" for hysteresis in row.by_hysteresis)),
            rows=tuple(
                (same[0].law, *(_interval(law.difference_pct, law.interval_pct, "+.2f") for law in same))
                for same in zip(*(judged.laws for judged in row.by_hysteresis.values()), strict=True)
            ),
            note="With the recommendation minus without it, as configured; all other tables count every reversal.",
        )
        for row in rows
        if row.by_hysteresis
    ]


def _document(
    title: str,
    parts: tuple[Judged, ...],
    sentence: str,
    facts: list[tuple[str, str]],
    assumed: tuple[str, ...],
    sections: tuple[Section, ...],
    values: dict[str, Any],
    *,
    made: datetime,
    report_id: str,
) -> Modelled:
    return Modelled.model_validate(
        {
            "kind": "audit",
            "title": title,
            "report_id": report_id,
            "made": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "bench_version": __version__,
            "verdict": whole_verdict(parts),
            "sentence": f"{sentence[0].upper()}{sentence[1:]}.",
            "whose_logic": THE_FILES,
            "facts": tuple(facts),
            "verdicts": parts,
            "assumptions": assumed,
            "is_not": IS_NOT,
            "sections": sections,
            "values": values,
        }
    )


def _judged(name: str, verdict: Verdict, sentence: str, *, counts: bool = True) -> Judged:
    return Judged.model_validate({"name": name, "verdict": verdict.value, "sentence": sentence, "counts": counts})


def _facts(setting: Setting, terms: Terms) -> list[tuple[str, str]]:
    battery = setting.battery
    ages = ", ".join(str(age + 1) for age in terms.ages)
    return [
        ("Duty", setting.duty.title),
        ("Its source", setting.duty.source),
        ("Climate", f"{setting.climate.title} ({setting.climate.source})"),
        ("Battery", f"{battery.energy_kwh:.1f} kWh, {battery.cells} cells in series, {battery.chemistry}"),
        ("Run", f"{setting.days} days at one decision a minute in year {ages} of {terms.years}, seed {setting.seed}"),
        ("Draws", f"{terms.draws}, the same for both: parameters of the laws, weather, spread of the cells"),
    ]


def _far(setting: Setting, terms: Terms) -> list[str]:
    """Where less than a year was run, what that leaves out; and how far it is stretched."""
    if setting.days >= 365:
        return []
    times = terms.years * 365 / (setting.days * len(terms.ages))
    far = f"EXTRAPOLATED: {terms.years} years are {times:.0f} times what was run"
    days = f"{setting.days} day{'s' * (setting.days > 1)} from 1 January on, in that season's weather, stand for a year"
    return [f"{far if times > FAR else 'not a whole year was run'}: {days}"]


def _settings(which: str, one: Configuration) -> list[tuple[str, str]]:
    limits, held = one.limits, one.thresholds
    text = (
        f"MIN_SOC={limits.min_soc_pct:g} MAX_SOC={limits.max_soc_pct:g}, cooling at {one.policy.cooling_trigger_c:g} °C, "
        f"micro-cycles of {held.micro_cycle_pct:g} %, {held.rated_power_w / 1000:g} kW"
    )
    return [(f"Configuration {which}: {one.name}", text)]


def _differences(name: str, side: Side) -> Section:
    rows = tuple(
        (
            law.law,
            _interval(law.loss_a_pct, law.interval_a_pct, ".1f"),
            _interval(law.loss_b_pct, law.interval_b_pct, ".1f"),
            _interval(law.difference_pct, law.interval_pct, "+.2f"),
            f"{100 * law.calendar_share[0]:.0f} / {100 * law.calendar_share[1]:.0f}",
            f"{100 * law.inside:.0f}",
            "votes" if law.votes else "; ".join(law.no_vote),
        )
        for law in side.judgement.laws
    )
    judged = side.judgement
    sheet = Sheet(
        title=f"{side.b.candidate.name} (B) against {side.a.candidate.name} (A)",
        head=("law", "loss A", "loss B", "B minus A", "calendar A / B, %", "in range, %", "vote"),
        rows=rows,
        note="Points of capacity, with 95 % intervals over paired draws. In range: the share of the difference in damage "
        "within what the law was fitted to.",
    )
    own = judged.of_chemistry(side.chemistry)
    more, less = (sum(law.sign == sign for law in own) for sign in (1, -1))
    of_own = f"Of {len(own)} law{'s' * (len(own) != 1)} of this chemistry"
    signs = f"{of_own} {more} say that B loses more, {less} that it loses less."
    served = (
        f"Served to the grid: A {side.a.served_kwh_a_year:.0f} kWh a year, B {side.b.served_kwh_a_year:.0f}. "
        f"Equivalent full cycles a year: A {side.a.stress.efc / side.a.span:.0f}, B {side.b.stress.efc / side.b.span:.0f}."
    )
    return Section(title=name, text=(judged.reason, signs, served), sheets=(sheet,))


def _row(row: Ablated, name: str, side: Side) -> tuple[str, ...]:
    own = side.judgement.of_chemistry(side.chemistry)
    differences = [law.difference_pct for law in own]
    return (
        row.recommendation.name,
        name,
        str(sum(law.sign < 0 for law in own)),
        str(sum(law.sign > 0 for law in own)),
        f"{min(differences):+.2f} to {max(differences):+.2f}" if differences else "no law",
        f"{side.a.served_kwh_a_year:.0f} / {side.b.served_kwh_a_year:.0f} kWh a year",
    )


_TALLY = (
    ("served_kwh", "served to the grid, kWh"),
    ("wished_kwh", "asked for by the grid, kWh"),
    ("charged_kwh", "charged, kWh"),
    ("driven_kwh", "driven, kWh"),
    ("cooling_heating_kwh", "cooling and heating from the grid, kWh"),
    ("tours", "tours"),
    ("unserved_tours", "tours that could not be driven"),
    ("short_departures", "departures with less charge than wanted"),
    ("clipped_ah", "charge beyond an empty or full battery, Ah"),
    ("hot_minutes", "minutes above 35 °C"),
    ("cold_charge_minutes", "minutes charging below 10 °C"),
    ("trips", "emergency shutdowns"),
)


def _served(found: Comparison) -> Section:
    lives = [life for _, key in _SIDES for life in (getattr(found, key).a, getattr(found, key).b)]
    tallies = [life.years[0][1].tally for life in lives]
    rows = [
        (text, *(f"{getattr(tally, key):.{1 if key == 'clipped_ah' else 0}f}" for tally in tallies))
        for key, text in _TALLY
    ]
    kinds = sorted({kind for tally in tallies for kind in tally.limited_minutes})
    rows += [
        (f"minutes held down by: {kind}", *(str(tally.limited_minutes.get(kind, 0)) for tally in tallies))
        for kind in kinds
    ]
    sheet = Sheet(
        title="The first year",
        head=("", "A", "B", "A at equal energy", "B at equal energy"),
        rows=tuple(rows),
        numbers=(1, 2, 3, 4),
    )
    text = "A tour that could not be driven, or charge that the battery did not have, fails the duty whatever it saves."
    return Section(title="What was served", text=(text,), sheets=(sheet,))


def _over_years(found: Comparison, laws: Mapping[str, Law]) -> Section:
    years = np.linspace(0.0, found.terms.years, 2 * found.terms.years + 1)
    side = found.as_configured
    votes = {law.law: law.votes for law in side.judgement.laws}
    lines = tuple(
        Line(
            name=f"{law.name}, {which}",
            x=tuple(years.tolist()),
            y=tuple((100.0 * (1.0 - law.fade(life.stress, years).capacity[0])).tolist()),
            beside=not votes[law.name],
        )
        for law in laws.values()
        if law.chemistry == found.setting.battery.chemistry
        for which, life in (("A", side.a), ("B", side.b))
    )
    title = "Capacity of a mean cell, by the laws of this chemistry"
    figure = Figure(title=title, x_label="years", y_label="capacity, %", lines=lines)
    return Section(title="Over the years", sheets=(_durability(found, laws),), figures=(figure,))


_FAR_Y = 30.0
_GONE = 0.8  # of the capacity


def _durability(found: Comparison, laws: Mapping[str, Law]) -> Sheet:
    """What is left when the durability limits are due, and when 80 % are reached, A / B."""
    margins = VAN if found.setting.duty.heavy else CAR
    years = np.linspace(0.0, _FAR_Y, 121)
    side = found.as_configured
    rows = []
    for law in laws.values():
        left = [1.0 - law.fade(life.stress, years).capacity[0] for life in (side.a, side.b)]
        due = [" / ".join(f"{100 * np.interp(one.years, years, part):.1f}" for part in left) for one in margins]
        rows.append((law.name, *due, " / ".join(_gone(years, part) for part in left)))
    kind = "vans" if found.setting.duty.heavy else "cars"
    limits = " and ".join(f"{100 * one.soce:g} % at {one.years:g} years or {one.km:,.0f} km" for one in margins)
    return Sheet(
        title="What is left of the capacity, A / B",
        head=("law", *(f"at {one.years:g} years, %" for one in margins), f"years to {100 * _GONE:g} %"),
        rows=tuple(rows),
        note=f"Limits of certified energy (Euro 7, {kind}): {limits}; resistance takes a little more of the energy than of "
        "the capacity. Of a mean cell; the tables of differences have the weakest one. The stress of the whole life is spread "
        "evenly over its years; what lies beyond it is extrapolated.",
    )


def _gone(years: Floats, left: Floats) -> str:
    below = np.nonzero(left < _GONE)[0]
    return f"{years[below[0]]:.1f}" if below.size else f"more than {_FAR_Y:g}"


def _interval(value: float, interval: tuple[float, float], form: str) -> str:
    return f"{value:{form}} [{interval[0]:{form}}, {interval[1]:{form}}]"


def _values(side: Side) -> dict[str, Any]:
    """All figures of a side, for results.json."""
    return {
        "verdict": side.judgement.verdict.value,
        "reason": side.judgement.reason,
        "laws": [_law(law) for law in side.judgement.laws],
        "a": _life(side.a),
        "b": _life(side.b),
    }


def _law(law: LawDifference) -> dict[str, Any]:
    return {**asdict(law), "votes": law.votes, "sign": law.sign}


def _life(life: Life) -> dict[str, Any]:
    return {
        "name": life.candidate.name,
        "served_kwh_a_year": life.served_kwh_a_year,
        "efc_a_year": life.stress.efc / life.span,
        "failures": list(life.failures),
        "years": [{"age": age, **_tally(year.tally)} for age, year in life.years],
    }


def _tally(tally: Tally) -> dict[str, Any]:
    return {key: value for key, value in asdict(tally).items() if key != "served_by_day_kwh"} | {
        "served_kwh": tally.served_kwh
    }
