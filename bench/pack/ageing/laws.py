"""The laws of the ensemble by name, and those that are missing and why."""

from collections.abc import Mapping

from v2g_bench.pack.ageing.kit_law import KIT
from v2g_bench.pack.ageing.law import Law
from v2g_bench.pack.ageing.naumann import NAUMANN
from v2g_bench.pack.ageing.schmalstieg import SCHMALSTIEG
from v2g_bench.pack.ageing.wang import WANG_2011, WANG_2014
from v2g_bench.pack.ageing.xu import XU

LAWS: Mapping[str, Law] = {law.name: law for law in (SCHMALSTIEG, KIT, WANG_2014, NAUMANN, WANG_2011, XU)}

MISSING: Mapping[str, str] = {
    "smith2017": "Smith 2017 (NMC): its reversible temperature factor and daily depth could not be brought to agree with "
    "NREL's own program on the figures at hand",
}


def may_ever_vote(law: Law) -> bool:
    """Whether the law could carry a verdict on any history: the range of one of its parts at least is wholly known."""
    fitted = law.facts.fitted
    parts = (fitted.calendar_c, fitted.calendar_soc), (fitted.cycling_c, fitted.depth, fitted.c_rate)
    return law.facts.headline and any(None not in part for part in parts)
