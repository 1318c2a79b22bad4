"""The subcommand `v2g-bench audit`: what a recording cost the battery's life, by every law of ageing that has something to say.

v2g-bench audit week.csv --chemistry NMC --capacity-kwh 57.6
v2g-bench audit trip.blf --dbc bus.dbc --columns soc=StateOfCharge:%,temperature=CellTempMax
v2g-bench audit reports/2026-11-23T01-00-00Z-vcan0
v2g-bench audit --duty commuter --config a/ --config b/
"""

import argparse
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from v2g_bench.commands import audit_duty
from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import Within

if TYPE_CHECKING:
    from v2g_bench.life.recording.clean import Recording
    from v2g_bench.reports.model.modelled import Modelled

STATUS = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}
CHEMISTRIES = ("NMC", "LFP", "NCA", "LMO")
INTERRUPTED = 130


def configure(parser: argparse.ArgumentParser) -> None:
    """Give `audit` its arguments."""
    parser.add_argument(
        "recording", type=Path, nargs="?", metavar="RECORDING|RUN", help="CSV, Parquet, MF4 or BLF; or a run folder"
    )
    parser.add_argument("--dbc", type=Path, metavar="FILE", help="the database of the frames in a BLF or MF4 file")
    parser.add_argument(
        "--columns", default="", metavar="Q=NAME[:UNIT],…", help="what is what: soc=Level:%%,temperature=T1:K,current=I"
    )
    parser.add_argument("--chemistry", choices=CHEMISTRIES, help="of the cells (default: NMC, stated as an assumption)")
    parser.add_argument("--capacity-kwh", type=Within(0.1, 10_000).real_text, metavar="KWH", help="energy of the pack")
    parser.add_argument("--capacity-ah", type=Within(0.1, 100_000).real_text, metavar="AH", help="charge of the pack")
    parser.add_argument(
        "--temperature", type=Within(-40, 80).real_text, metavar="C", help="assumed where none is recorded, °C"
    )
    parser.add_argument(
        "--hysteresis", type=Within(0, 20).real_text, metavar="PCT", help="no cycle below this change of charge"
    )
    parser.add_argument("--van", action="store_true", help="the limits for vans (N1): 75 and 67 %%")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: reports/<date>-audit-<name>")
    audit_duty.configure(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """0 PASS, 1 FAIL, 3 INCONCLUSIVE; 130 where somebody pressed Ctrl-C, and nothing is left then."""
    from v2g_bench.life.folder import fresh, write

    of_duty = audit_duty.asked(options)
    if of_duty == (options.recording is not None):
        raise BenchError(
            "audit", "takes a recording, a run folder or --duty, and one of them", "v2g-bench audit week.csv"
        )
    made = datetime.now(UTC)
    name = Path(options.duty if of_duty else options.recording)
    folder = options.out or Path("reports") / f"{made:%Y-%m-%dT%H-%M-%SZ}-audit-{_plain(name)}"
    try:
        with _progress() as tell, fresh(folder) as part:
            of = audit_duty.document if of_duty else _of_recording
            pages = of(options, part, tell, made=made, report_id=folder.name)
            write(pages, part, tell)
    except KeyboardInterrupt:
        print("interrupted: nothing was written")
        return INTERRUPTED
    print(f"{pages.verdict}  {pages.sentence}")
    for one in pages.verdicts:
        print(f"  {one.verdict:13} {one.name}{'' if one.counts else ' (beside)'}\n{'':16}{one.sentence}")
    for note in pages.assumptions:
        print(f"  assumed       {note}")
    print(folder / "report.pdf")
    return STATUS[pages.verdict]


def _of_recording(
    options: argparse.Namespace, part: Path, tell: Callable[[str], None], *, made: datetime, report_id: str
) -> "Modelled":
    from v2g_bench.life.audit import Pack, audit
    from v2g_bench.life.pages import document
    from v2g_bench.pack.ageing.laws import LAWS

    tell(f"reading {options.recording}")
    pack = Pack(options.chemistry or CHEMISTRIES[0], options.capacity_kwh, options.van)
    hysteresis = None if options.hysteresis is None else options.hysteresis / 100
    record = _read(options)
    result = audit(record, pack, LAWS, hysteresis=hysteresis, tell=tell)
    _series(record, part / "series.parquet")
    told = {"made": made, "is_run": options.recording.is_dir(), "report_id": report_id}
    return document(result, **told, sha256=_sha256(Path(record.where)))


def _read(options: argparse.Namespace) -> "Recording":
    from dataclasses import replace

    from v2g_bench.life.recording.captures import read
    from v2g_bench.life.recording.clean import recording
    from v2g_bench.life.recording.columns import stated

    asked = stated(options.columns)
    table = read(options.recording, options.dbc)
    record = recording(table, asked, temperature_c=options.temperature, capacity_ah=options.capacity_ah)
    if options.chemistry is None:
        note = f"the chemistry is not stated: {CHEMISTRIES[0]} is assumed (--chemistry)"
        record = replace(record, assumptions=(note, *record.assumptions))
    return record


def _series(record: "Recording", path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {"time_s": record.time_s, "soc": record.soc, "temperature_c": record.temperature_c}
    if record.c_rate is not None:
        columns["c_rate"] = record.c_rate
    if record.power_w is not None:
        columns["power_w"] = record.power_w
    parquet.write_table(pa.table(columns), path, compression="zstd")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(path: Path) -> str:
    """A name for a folder of whatever name the recording has."""
    return (
        "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_") else "-" for sign in path.stem)[:60]
        or "recording"
    )


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """What is being done, on one line of standard error that goes away."""
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status("") as status:
        yield lambda text: status.update(escape(text))
