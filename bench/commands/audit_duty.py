"""The part of `v2g-bench audit` that judges configurations: `--duty NAME --config a/ --config b/`, or `--ablate`."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import SEED, Within

if TYPE_CHECKING:
    from v2g_bench.life.loop.car import Battery
    from v2g_bench.life.loop.configuration import Configuration
    from v2g_bench.life.loop.lives import Life
    from v2g_bench.reports.model.modelled import Modelled

Tell = Callable[[str], None]
_DEFAULTS: dict[str, Any] = {
    **{"climate": "temperate", "years": 10, "ages": 2, "days": 365},
    **{"draws": 1000, "margin": 0.5, "seed": 1},
}
_OF_RECORDINGS: dict[str, Any] = {
    **dict.fromkeys(("dbc", "capacity_kwh", "capacity_ah", "temperature", "hysteresis")),
    **{"columns": "", "van": False},
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Give `audit` the arguments of a duty."""
    group = parser.add_argument_group("configurations of the reference controller, over a duty")
    group.add_argument("--duty", metavar="NAME|FILE", help="commuter, delivery-van, …, or a .toml file of your own")
    group.add_argument(
        "--config",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="limits.conf and so on; twice: A, then B",
    )
    group.add_argument(
        "--ablate", action="store_true", help="one --config: each of the manual's recommendations off alone"
    )
    group.add_argument("--climate", metavar="NAME|FILE", help="cold, temperate, hot, or a file")
    group.add_argument("--years", type=Within(1, 30).whole_text, metavar="N", help="default: 10")
    group.add_argument("--ages", type=Within(1, 30).whole_text, metavar="N", help="years that are run (default: 2)")
    group.add_argument("--days", type=Within(1, 365).whole_text, metavar="N", help="of each; less is a first look")
    group.add_argument("--draws", type=Within(50, 100_000).whole_text, metavar="N", help="default: 1000")
    group.add_argument("--margin", type=Within(0, 20).real_text, metavar="POINTS", help="default: 0.5")
    group.add_argument("--seed", type=SEED.whole_text, metavar="N", help="of weather, driving and draws")
    parser.set_defaults(**_DEFAULTS)


def asked(options: argparse.Namespace) -> bool:
    """Whether a duty is to be judged, no recording. Raises: BenchError where the options do not fit together."""
    if options.duty is None:
        if options.config or options.ablate:
            raise BenchError("--config", "says nothing without a duty", "add --duty commuter")
        for name, default in _DEFAULTS.items():
            if getattr(options, name) != default:
                raise BenchError(f"--{name}", "is of a duty, and no duty is judged", "leave it out, or add --duty")
        return False
    for name, default in _OF_RECORDINGS.items():
        if getattr(options, name) != default:
            what = "is of a recording: the battery and the weather of a duty are its own"
            raise BenchError(f"--{name.replace('_', '-')}", what, "leave it out")
    needed = 1 if options.ablate else 2
    if len(options.config) != needed:
        what = "--ablate takes one --config" if options.ablate else "a comparison takes two: A, then B"
        raise BenchError("--config", f"{what}, not {len(options.config)}", "--config a/ --config b/")
    if options.ages > options.years:
        raise BenchError("--ages", f"{options.ages} of {options.years} years cannot be run", "--ages 1")
    return True


def document(options: argparse.Namespace, part: Path, tell: Tell, *, made: datetime, report_id: str) -> "Modelled":
    """The report, with its series written into `part`."""
    from v2g_bench.life.loop import pages
    from v2g_bench.life.loop.ablation import ablate
    from v2g_bench.life.loop.climate import load_climate
    from v2g_bench.life.loop.compare import Terms, compare
    from v2g_bench.life.loop.configuration import load_configuration
    from v2g_bench.life.loop.duty import load_duty
    from v2g_bench.life.loop.year import Setting
    from v2g_bench.pack.ageing.laws import LAWS

    configs = [load_configuration(folder) for folder in options.config]
    setting = Setting(
        load_duty(options.duty),
        load_climate(options.climate),
        seed=options.seed,
        days=options.days,
        battery=_battery(options.chemistry),
    )
    ages = tuple(round(options.years * place / options.ages) for place in range(options.ages))
    terms = Terms(options.years, options.draws, options.margin, ages, options.seed)

    def progress(what: str, share: float) -> None:
        tell(f"{what}: {100 * share:.0f} %")

    if options.ablate:
        rows = ablate(configs[0], setting, terms, laws=LAWS, progress=progress)
        _series({"with": rows[0].comparison.as_configured.b}, part / "series.parquet")
        return pages.ablated(rows, configs[0], setting, terms, made=made, report_id=report_id)
    found = compare(configs[0], _apart(configs), setting, terms, laws=LAWS, progress=progress)
    _series({"a": found.as_configured.a, "b": found.as_configured.b}, part / "series.parquet")
    return pages.compared(found, LAWS, made=made, report_id=report_id)


def _battery(chemistry: str | None) -> "Battery":
    from v2g_bench.life.loop.car import CHEMISTRIES, Battery

    if chemistry is not None and chemistry not in CHEMISTRIES:
        raise BenchError("--chemistry", f"no voltages of {chemistry} are at hand", f"known: {', '.join(CHEMISTRIES)}")
    return Battery(chemistry=chemistry or next(iter(CHEMISTRIES)))


def _apart(configs: "list[Configuration]") -> "Configuration":
    """B, under a name of its own."""
    a, b = configs
    return replace(b, name=f"{b.name} (B)") if b.name == a.name else b


def _series(lives: "Mapping[str, Life]", path: Path) -> None:
    """The first year of each, one row a minute."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    columns = {}
    for name, life in lives.items():
        year = life.years[0][1]
        columns["time_s"] = 60.0 * np.arange(year.ac_w.size)
        columns |= {f"soc_{name}": year.soc[:-1], f"pack_c_{name}": year.pack_c[:-1]}
        columns |= {f"current_a_{name}": year.current_a, f"ac_w_{name}": year.ac_w}
    parquet.write_table(pa.table(columns), path, compression="zstd")
