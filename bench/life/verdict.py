"""From what the laws say of a recording to verdicts. A disagreement of the laws is INCONCLUSIVE, never an average."""

import numpy as np

from v2g_bench.life.audit import HORIZON_Y, SHORTEST_S, VOTERS, YEARS, Audit, Margin
from v2g_bench.reports.model.modelled import Judged

NOISY_TRAVEL, NOISY_EFC = 1.1, 10.0  # so much further, and so many cycles a year more, than what is counted: noise
NOISY = 0.01  # of capacity: if the choice of the hysteresis moves the loss of ten years by more, the SoC is noise


def verdicts(audit: Audit) -> tuple[Judged, ...]:
    """One for each durability limit, and one beside them for micro-cycles."""
    return (*(_durable(audit, place, margin) for place, margin in enumerate(audit.pack.margins)), _shallow(audit))


def _durable(audit: Audit, place: int, margin: Margin) -> Judged:
    name = f"At least {100 * margin.soce:.0f} % of certified energy at {margin.years:g} years or {margin.km:,.0f} km"
    if reason := _unable(audit):
        return Judged(name=name, verdict="INCONCLUSIVE", sentence=reason)
    voters = [one for one in audit.laws if one.votes]
    kept = [one for one in voters if one.reached[place][2] >= margin.soce]
    lost = [one for one in voters if one.reached[place][3] < margin.soce]
    said = ", ".join(f"{one.law.facts.title} {_percent(one.reached[place])}" for one in voters)
    if len(kept) == len(voters):
        return Judged(name=name, verdict="PASS", sentence=f"by the 95 % interval of every voting law: {said}")
    if len(lost) == len(voters):
        return Judged(name=name, verdict="FAIL", sentence=f"not by any voting law's 95 % interval: {said}")
    torn = len(voters) - len(kept) - len(lost)
    count = f"{len(kept)} of {len(voters)} voting laws keep it, {len(lost)} do not, {torn} cannot tell"
    return Judged(name=name, verdict="INCONCLUSIVE", sentence=f"{count}: {said}")


def _unable(audit: Audit) -> str:
    """Why nothing can be said of years; "" where something can."""
    if not audit.long_enough:
        hours = audit.stress.known_s / 3600
        return f"{hours:.3g} h are recorded: too short for years, {SHORTEST_S / 3600:g} h are needed, a week or more is better"
    if (count := len({one.law.facts.cell for one in audit.laws if one.votes})) < VOTERS:
        laws = f"{count or 'no'} independently fitted law{'s' * (count > 1)}"
        return f"{laws} may vote, {VOTERS} are needed; each of the others has its reason"
    if not audit.stress.current_known:
        for one in (law for law in audit.laws if law.votes):
            fades = [by_law[one.law.name] for _, _, by_law in audit.by_hysteresis.values()]
            fades.append(float(np.interp(HORIZON_Y, YEARS, one.fade)))  # as the verdict is counted
            if max(fades) - min(fades) > NOISY:
                moved = f"{100 * min(fades):.1f} to {100 * max(fades):.1f} % after ten years by {one.law.facts.title}"
                return f"cycles hang on the hysteresis, so the reported state of charge is noise as well: {moved}"
        more = audit.stress.efc - audit.counted_efc
        if audit.moved * NOISY_TRAVEL < 1.0 and more * audit.per_year > NOISY_EFC:
            return (
                f"the reported state of charge travels {more * audit.per_year:.0f} full cycles a year further than the cycles "
                "that are counted: noise or micro-cycles, and a law that takes every step sees them"
            )
    return ""


def _shallow(audit: Audit) -> Judged:
    name = "Micro-cycles: what cycles of less than 2 % of charge add"
    if not audit.long_enough:
        return Judged(name=name, verdict="INCONCLUSIVE", sentence=_unable(audit), counts=False)
    if not audit.stress.current_known:
        efc = ", ".join(f"{efc:.0f}" for _, efc, _ in audit.by_hysteresis.values())
        sentence = (
            "the state of charge is reported and no current is recorded: its filter erases micro-cycles and its noise makes "
            f"them. Equivalent full cycles a year with a hysteresis of 0.5, 1 and 2 %: {efc}"
        )
        return Judged(name=name, verdict="INCONCLUSIVE", sentence=sentence, counts=False)
    count, share = audit.shallow
    if share < 0.05:
        sentence = f"{count:.0f} a year carry {100 * share:.1f} % of the charge that moves: less than 5 %"
        return Judged(name=name, verdict="PASS", sentence=sentence, counts=False)
    sentence = (
        f"{count:.0f} a year carry {100 * share:.0f} % of the charge; the laws disagree most on what such cycles cost"
    )
    return Judged(name=name, verdict="INCONCLUSIVE", sentence=sentence, counts=False)


def _percent(reached: tuple[float, float, float, float]) -> str:
    _, soce, low, high = reached
    return f"{100 * soce:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
