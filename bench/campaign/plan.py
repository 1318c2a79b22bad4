"""A campaign file, and the scenarios that it defines: a seeded Latin hypercube over all that varies.

    name = "shutdown"
    seed = 1
    trials = 20000
    per_stand = 100                     # scenarios that start from one pack at one power

    [stand]
    soc_pct = [30, 70]                  # [low, high], [low, high, step], or one number
    temperature_c = [18, 34]
    power_w = [-11000, 11000]

    [time]
    at_s = [0.0, 0.1]                   # when the first fault begins
    second_s = [-0.05, 0.05]            # the second one against the first
    second_share = 0.4                  # of all scenarios: this share has a second fault
    hold_s = [0.1, 0.16]                # from the full fault until it is taken back
    tail_s = 0.06                       # and from then to the end

    [limits]                            # see `limits.Limits`; what is left out is the rig file's
    isolation_ms = 50

    [[fault]]
    kind = "over_temperature"
    weight = 3
    cell = "any"                        # of the rig's pack; modules too
    to_c = [43.0, 60.0, 0.1]
    ramp_k_per_s = [100, 5000]          # a ramp: half of the scenarios are a step all the same

Scenario i of a file with the same trials and seed is always the same one, whoever asks for it.
"""

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field
from scipy.stats import qmc

from v2g_bench.campaign.limits import Limits
from v2g_bench.campaign.scenario import LONGEST_S, OperatingPoint, Scenario, Timed
from v2g_bench.campaign.span import Span, SpanWithin
from v2g_bench.errors import BenchError
from v2g_bench.faults import KINDS, from_dict
from v2g_bench.inputs.models import Checked, validated
from v2g_bench.inputs.ranges import ANY, Seed, Within
from v2g_bench.inputs.text import toml_of
from v2g_bench.plant.config import PlantConfig

SHIPPED = Path(__file__).parent / "campaigns"
FIELDS = 6  # the most fields that a fault can vary
Scenarios = Annotated[int, Within(1, 10_000_000)]
RESERVED = ("kind", "weight", "hold_s")
ANY_PART = "any"
COUNTED = ("cell", "module")


class OperatingPointSpans(Checked):
    """The pack and its power."""

    soc_pct: Annotated[Span, SpanWithin(0, 100)] = 50.0
    temperature_c: Annotated[Span, SpanWithin(-40, 60)] = 25.0
    power_w: Annotated[Span, SpanWithin(-1e6, 1e6)] = -3000.0


class TimeSpans(Checked):
    """When the faults come and go."""

    at_s: Annotated[Span, SpanWithin(0, LONGEST_S)] = [0.0, 0.1]
    second_s: Annotated[Span, SpanWithin(-LONGEST_S, LONGEST_S)] = [-0.05, 0.05]
    second_share: Annotated[float, Within(0, 1)] = 0.4
    hold_s: Annotated[Span, SpanWithin(0, LONGEST_S)] = [0.1, 0.16]
    tail_s: Annotated[float, Within(0.02, 60)] = 0.06


class FaultSpans(Checked):
    """One kind of fault; all other keys are fields of it, each a span."""

    model_config = ConfigDict(extra="allow")
    # the fault itself knows its ranges
    __pydantic_extra__: dict[str, Literal["any"] | Annotated[Span, SpanWithin(-1e9, 1e9)]]

    kind: Literal[tuple(sorted(KINDS))]  # type: ignore[valid-type]
    weight: Annotated[float, Within(0, 1e6, over=True)] = 1.0
    hold_s: Annotated[Span, SpanWithin(0, LONGEST_S)] | None = None

    def spans(self, parts: Mapping[str, int]) -> dict[str, Any]:
        """The fields that vary, in order. parts: how many of each the pack has, for those that are ANY_PART."""
        given = self.model_extra or {}
        return {key: [1, parts[key], 1] if span == ANY_PART else span for key, span in given.items()}


class CampaignFile(Checked):
    """See the module's text."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    seed: Seed = 1
    trials: Scenarios = 1000
    per_stand: Scenarios = 100
    stand: OperatingPointSpans = OperatingPointSpans()
    time: TimeSpans = TimeSpans()
    limits: dict[str, Annotated[float, ANY]] = {}  # in the ranges of `limits.Limits`
    fault: Annotated[list[FaultSpans], Field(min_length=1)]


def campaign_path(name: str) -> Path:
    """A file, or one that ships with the bench by its name; BenchError where there is neither."""
    path = Path(name)
    if path.suffix == ".toml" or path.exists():
        return path
    shipped = SHIPPED / f"{name}.toml"
    if not shipped.exists():
        known = ", ".join(sorted(one.stem for one in SHIPPED.glob("*.toml")))
        raise BenchError(f"campaign {name}", "no such file", f"shipped with the bench: {known}")
    return shipped


def parse_campaign(text: str, where: str) -> CampaignFile:
    """The campaign of a file's text; BenchError with every key that is wrong, and every fault that cannot be."""
    found = validated(CampaignFile, toml_of(text, where), where)
    known = {field.name for field in dataclasses.fields(Limits)}
    for key in found.limits:
        if key not in known:
            raise BenchError(f"{where}: limits.{key}", "unknown key", f"known: {', '.join(sorted(known))}")
    try:
        Limits(**found.limits)
    except BenchError as error:
        raise BenchError(f"{where}: {error.where}", error.what) from None
    for place, fault in enumerate(found.fault):
        for key, span in (fault.model_extra or {}).items():
            if span == ANY_PART and key not in COUNTED:
                raise BenchError(f"{where}: fault[{place}].{key}", f'"{ANY_PART}" is for {" and ".join(COUNTED)}')
        spans = fault.spans(dict.fromkeys(COUNTED, 1))
        if len(spans) > FIELDS:
            raise BenchError(f"{where}: fault[{place}]", f"has more than {FIELDS} fields")
        for share in (0.0, 1.0):
            try:
                from_dict({"kind": fault.kind} | {key: _at(span, share, key) for key, span in spans.items()})
            except BenchError as error:
                raise BenchError(f"{where}: fault[{place}]: {error.where}", error.what, error.hint) from None
    return found


class CampaignPlan:
    """The scenarios of a campaign, by index. `operating_points`: the number of operating points."""

    def __init__(
        self,
        campaign: CampaignFile,
        trials: int | None = None,
        seed: int | None = None,
        pack: PlantConfig = PlantConfig(),  # noqa: B008  frozen
    ) -> None:
        self.campaign = campaign
        self._parts = {"cell": pack.cells, "module": pack.modules}
        self.trials = campaign.trials if trials is None else trials
        self.seed = campaign.seed if seed is None else seed
        self.operating_points = -(-self.trials // campaign.per_stand)
        self._weights = np.cumsum([fault.weight for fault in campaign.fault])
        self._last: tuple[int, OperatingPoint] | None = None

    def members(self, operating_point: int) -> range:
        """The indices of the scenarios of one operating point."""
        size = self.campaign.per_stand
        return range(operating_point * size, min((operating_point + 1) * size, self.trials))

    def operating_point(self, place: int) -> OperatingPoint:
        """The operating point of this number."""
        if self._last is None or self._last[0] != place:
            spans, row = self.campaign.stand, self._operating_point_rows[place]
            made = OperatingPoint(
                seed=int(np.random.SeedSequence([self.seed, place]).generate_state(1)[0]),
                soc_pct=round(_at(spans.soc_pct, row[0]), 2),
                temperature_c=round(_at(spans.temperature_c, row[1]), 2),
                power_w=round(_at(spans.power_w, row[2])),
            )
            self._last = place, made
        return self._last[1]

    def scenario(self, index: int) -> Scenario:
        """One scenario."""
        times, row = self.campaign.time, self._rows[index]
        first, rest = row[: 2 + FIELDS], row[2 + FIELDS :]
        second, (spread, has_second) = rest[: 2 + FIELDS], rest[2 + FIELDS :]
        at_s = round(_at(times.at_s, first[0]), 6)
        drawn = [self._drawn(first, at_s)]
        if has_second < times.second_share:
            drawn.append(self._drawn(second, round(max(0.0, at_s + _at(times.second_s, second[0])), 6)))
        holds = [_at(spans.hold_s or times.hold_s, spread) for _, spans in drawn]
        faults = tuple(timed for timed, _ in drawn)
        clear_s = max(timed.at_s + timed.fault.full_after_s() + hold for timed, hold in zip(faults, holds, strict=True))
        clear_s = round(clear_s, 6)
        name = f"{self.campaign.name}-{self.seed}-{index:06d}"
        operating_point = self.operating_point(index // self.campaign.per_stand)
        return Scenario(name, operating_point, faults, clear_s, round(clear_s + times.tail_s, 6))

    def _drawn(self, row: NDArray[np.float64], at_s: float) -> tuple[Timed, FaultSpans]:
        weights = self._weights
        spans = self.campaign.fault[int(np.searchsorted(weights, row[1] * weights[-1], "right"))]
        fields = {
            key: _at(span, row[2 + place], key) for place, (key, span) in enumerate(spans.spans(self._parts).items())
        }
        return Timed(at_s, from_dict({"kind": spans.kind} | fields)), spans

    @cached_property
    def _rows(self) -> NDArray[np.float64]:
        return _hypercube(self.trials, 2 * (2 + FIELDS) + 2, [self.seed, 0])

    @cached_property
    def _operating_point_rows(self) -> NDArray[np.float64]:
        return _hypercube(self.operating_points, 3, [self.seed, 1])


def _hypercube(rows: int, columns: int, seed: list[int]) -> NDArray[np.float64]:
    return np.asarray(qmc.LatinHypercube(columns, rng=np.random.default_rng(seed)).random(rows))


def _at(span: Any, share: float, key: str = "") -> float:
    """The value at a share (0..1) of a span. A ramp is a step (0) in the lower half."""
    if not isinstance(span, list):
        return float(span)
    if key.startswith("ramp_"):
        if share < 0.5:
            return 0.0
        share = 2 * share - 1
    low, high = span[0], span[1]
    value: float
    value = low + share * (high - low)
    if len(span) == 3:
        steps = round((high - low) / span[2])
        value = low + min(steps, int(share * (steps + 1))) * span[2]
    return round(value, 6)
