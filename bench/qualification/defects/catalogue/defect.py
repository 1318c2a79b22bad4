"""One seeded defect as data, how the families write it down, and the words that several of them use."""

from dataclasses import dataclass, field
from typing import Any, Literal

CONTROLLERS = "v2g_bench.qualification.defects.controllers"
Kind = Literal["controller", "part", "bench"]


@dataclass(frozen=True)
class Defect:
    """One thing that is broken, and who must notice it.

    check: the requirement that it breaks ("SAF-01"), or "verify" (the recomputation of a run's evidence).
    verdict: of the requirement, or "wrong" for verify. reason: a regular expression that must match the check's output.
    tests: as for pytest -k; without, all files that have a test of the requirement are run. near_miss: inside the limit by
    little, and must pass. trials: where it shows in a share of what is drawn, how many trials of each measurement it is
    given; 0: as few as all.

    core: the factory in `controllers`; parts: the defects that `fixtures.defects.plugin` sets; bench: the name in
    `fixtures.defects.benches`; tamper: a file of the run that is changed afterwards. alone: it breaks this requirement, and no
    other may be blamed for it. emulated: also run on the emulated rigs. campaign: "NAME: INVARIANT" of a campaign over the
    controller's core, asked where the suite has not found it.
    """

    name: str
    kind: Kind
    check: str
    verdict: str
    reason: str
    tests: str = ""
    core: str = ""
    parts: tuple[tuple[str, dict[str, Any], str], ...] = field(default=(), hash=False)
    bench: str = ""
    tamper: str = ""
    trials: int = 0
    near_miss: bool = False
    alone: bool = False
    emulated: bool = False
    campaign: str = ""

    @property
    def of_the_suite(self) -> bool:
        """A broken controller that the suite must find: its requirement says FAIL."""
        return self.kind == "controller" and not self.near_miss

    @property
    def reference(self) -> str:
        """MODULE:FACTORY of its controller; "" for the one without defects."""
        return f"{CONTROLLERS}:{self.core}" if self.core else ""


# Tests that several families run (as for pytest -k), campaigns, and how what they find reads.
HOT = "hot_cell_isolates and discharging"
ISOLATES = "hot_cell_isolates or diverging_strings_isolate"
SILENCE, GRADIENT = "bms_silence_stops_the_transfer and discharging", "thermal_gradient_derates"
DIVERGENCE = "soc_divergence_blocks_v2g"
LOST = "emi_leaves_charge_only and lost"
DISCHARGE = "set_power_is_the_power and discharging"
NO_LOAD, CLOSING = "contactors_open_without_load", "contactors_close_through_precharge"
LINK, COOLER = "link_is_discharged", "pack_is_cooler"
SHUTDOWN, FALLBACKS = "shutdown: {}", "fallbacks: {}"  # campaigns
TIME, STAYS = r"{} ms ± .* limit <= 50 ms", "does not stay below the threshold"
AMPERES = r"\d\.\d+ A ± .* limit <= 0\.\d+ A"
COOLER_C = r"°C ± .* limit <= \d+(\.\d+)? °C"
NEVER_OPEN = "not asked to open within|not reported open within"
CONTRADICTION = "contradict each other: "
DRAWS, MANY = 5, 20  # trials, for what shows in a share of the draws, and where a test draws few of them


def fails(name: str, check: str, reason: str, tests: str = "", **more: Any) -> Defect:
    """A controller of this name in `controllers`, which breaks the requirement `check`."""
    title = more.pop("title", name.replace("_", " "))
    return Defect(title, "controller", check, "FAIL", reason, tests, core=name, **more)


def alone(name: str, check: str, reason: str, **more: Any) -> Defect:
    """One that breaks this requirement and no other."""
    return fails(name, check, reason, alone=True, **more)


def near_miss(name: str, check: str, tests: str) -> Defect:
    """One that is inside the limit by little, and must pass."""
    return Defect(name.replace("_", " "), "controller", check, "PASS", "", tests, core=name, near_miss=True)
