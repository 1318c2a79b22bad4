"""Wrong status of the controller and the battery: counters that do not count, a late review, a missing reason."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.model.setpoint import Ceiling
from v2g_bench.ems.protection.derating import DeratingMap
from v2g_bench.ems.service import requests
from v2g_bench.ems.service.status import health_of
from v2g_bench.qualification.defects.controllers import make


class _Blank(PackState):
    """A pack state in which some roles always read the same."""

    fixed: Mapping[str, float]

    def get(self, role: str) -> float | None:
        return self.fixed.get(role, super().get(role))


def _seeing(**fixed: float) -> make.Factory:
    def factory(settings: EmsSettings) -> Ems:
        ems = Ems(settings)
        ems.pack = pack = _Blank()
        pack.fixed = fixed
        return ems

    return factory


cycles_unknown = _seeing(cycle_count=0.0)
throughput_stuck = _seeing(energy_throughput=0.0)
health_constant, cycles_constant = _seeing(soh=87.5), _seeing(cycle_count=913.0)


def _reports(change: Callable[[dict[str, Any]], dict[str, Any]]) -> make.Factory:
    """Its health report is what `change` makes of it."""

    def factory(settings: EmsSettings) -> Ems:
        setattr(requests, "health_of", lambda ems: change(health_of(ems)))  # noqa: B010  (it imports the name)
        return Ems(settings)

    return factory


health_and_cycles_swapped = _reports(lambda it: it | {"soh_pct": it["cycle_count"], "cycle_count": it["soh_pct"]})
throughput_in_wh = _reports(lambda it: it | {"energy_throughput_kwh": 1000 * (it["energy_throughput_kwh"] or 0.0)})
review_always, review_near_80_alone = (
    _reports(lambda it: it | {"review": True}),
    _reports(lambda it: it | {"review": it["review"] and (it["soh_pct"] or 0.0) > 79.0}),
)


review_late = make.tuned(soh_review_pct=70.0)  # asks for a review below 70 % health only


class _Silent(DeratingMap):
    def ceiling(self, rated_w: float, *, hottest_c: float, coldest_c: float, soc_pct: float) -> Ceiling:
        ceiling = super().ceiling(rated_w, hottest_c=hottest_c, coldest_c=coldest_c, soc_pct=soc_pct)
        return replace(ceiling, reason="map")


def derating_untold(settings: EmsSettings) -> Ems:
    """Derates the power without reporting the reason."""
    return make.having(settings, derating=_Silent())
