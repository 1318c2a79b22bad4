"""Running a campaign: one operating point after another, here, in processes, or on the workers of a Dask scheduler.

The unit of work is an operating point with all its scenarios; it depends on the job alone, so the result is the same in
any process and any order. Each finished point is one Parquet file in `parts/`; a campaign that was interrupted continues
with those that are missing. In the end all of them are `results.parquet`, in the order of their scenarios.
"""

import gc
import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from time import process_time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from v2g_bench.campaign.bare import ScenarioRun, Setup
from v2g_bench.campaign.invariants import Judge, latency_ms
from v2g_bench.campaign.plan import CampaignPlan, parse_campaign
from v2g_bench.campaign.prepared_world import PreparedWorld
from v2g_bench.errors import BenchError

SCHEMA = pa.schema(
    [
        ("index", pa.int64()),
        ("name", pa.string()),
        ("seed", pa.int64()),
        ("soc_pct", pa.float64()),
        ("temperature_c", pa.float64()),
        ("power_w", pa.float64()),
        ("before_a", pa.float64()),
        ("faults", pa.string()),
        ("clear_s", pa.float64()),
        ("end_s", pa.float64()),
        ("tripped", pa.bool_()),
        ("due", pa.bool_()),
        ("latency_ms", pa.float64()),
        ("failed", pa.string()),
        ("said", pa.string()),
        ("digest", pa.string()),
    ]
)

Row = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """All that the rows of a campaign depend on. text: of the campaign file; core: FILE:FACTORY of a broken controller."""

    text: str
    trials: int
    seed: int
    rig: str = "sim"
    core: str = ""


@dataclass(frozen=True)
class PointResult:
    """The results of one operating point. cpu_s: of this process; `error` instead of rows where the bench failed;
    uncopied: why its world could not be copied, so that it took several times as long.
    """

    place: int
    rows: list[Row]
    cpu_s: float
    error: str = ""
    uncopied: str = ""


@lru_cache(maxsize=4)
def opened(job: Job) -> tuple[CampaignPlan, Setup, Judge]:
    """Plan, world and judge of a job; made once in each process."""
    setup = Setup.of_rig(job.rig, job.core)
    plan = CampaignPlan(parse_campaign(job.text, "campaign"), job.trials, job.seed, setup.plant)
    return plan, setup, Judge(setup.db, replace(setup.limits, **plan.campaign.limits))


def run_operating_point(job: Job, place: int) -> PointResult:
    """All scenarios of one operating point."""
    began = process_time()
    try:
        plan, setup, judge = opened(job)
        members = plan.members(place)
        rows = []
        gc.disable()
        try:
            prepared = PreparedWorld(setup, plan.operating_point(place))
            gc.freeze()  # what there is now, a hundred thousand objects of the imports alone, is not searched again
            for index in members:
                rows.append(row_of(index, prepared.play(plan.scenario(index)), judge))
                gc.collect()  # a world is full of cycles; collected at once, its memory serves the next
        finally:
            gc.unfreeze()
            gc.enable()
    except BenchError as error:
        return PointResult(place, [], 0.0, str(error))
    return PointResult(place, rows, process_time() - began, uncopied=prepared.uncopied)


def row_of(index: int, scenario_run: ScenarioRun, judge: Judge) -> Row:
    """One line of the results."""
    seen = judge.look(scenario_run)
    violations = judge.judge(scenario_run, seen)
    scenario = scenario_run.scenario
    data = scenario.to_dict()
    return {
        "index": index,
        **{key: data[key] for key in ("name", "seed", "soc_pct", "temperature_c", "power_w")},
        "before_a": scenario_run.before_a,
        "faults": json.dumps(data["faults"]),
        "clear_s": scenario.clear_s,
        "end_s": scenario.end_s,
        "tripped": any(latched for _, latched in seen.trips)
        or any(code == "EMERGENCY_SHUTDOWN" for _, code, _ in scenario_run.log),
        "due": seen.must_trip_s < float("inf"),
        "latency_ms": latency_ms(scenario_run, seen, judge.limits),
        "failed": " ".join(dict.fromkeys(one.invariant for one in violations)),
        "said": "; ".join(map(str, violations)),
        "digest": digest_of(scenario_run),
    }


def digest_of(scenario_run: ScenarioRun) -> str:
    """SHA-256 over the current, every frame and every word of one scenario."""
    found = hashlib.sha256(scenario_run.times_s.tobytes() + scenario_run.current_a.tobytes())
    for at_s, message in scenario_run.frames:
        found.update(f"{at_s!r} {message.arbitration_id}".encode() + message.data)
    found.update(repr((scenario_run.log, scenario_run.answer, scenario_run.crash)).encode())
    return found.hexdigest()


class Campaign:
    """A campaign in its folder. `run` does what is still to be done and gives the folder's results."""

    def __init__(self, job: Job, folder: Path) -> None:
        self.job, self.folder = job, folder
        self.plan = opened(job)[0]
        self._parts = folder / "parts"
        try:
            self._parts.mkdir(parents=True, exist_ok=True)
            self._claim()
        except OSError as error:
            raise BenchError(str(folder), f"cannot be written: {error.strerror}") from None

    def _claim(self) -> None:
        """The folder is this job's; BenchError where it holds another one's."""
        path, text = self.folder / "job.json", json.dumps(asdict(self.job) | {"program": program()}, indent=1)
        if path.exists() and path.read_text("utf-8") != text:
            hint = (
                "name another --out, or delete it: the bench, the file, its trials, its seed or the controller differ"
            )
            raise BenchError(str(self.folder), "holds another campaign", hint)
        path.write_text(text, "utf-8")

    def done(self) -> set[int]:
        """The operating points that are finished."""
        return {int(path.stem) for path in self._parts.glob("*.parquet")}

    def run(
        self, workers: int = 1, scheduler: str = "", show: Callable[[PointResult], None] = lambda result: None
    ) -> pa.Table:
        """Do what is left, and join everything."""
        left = [place for place in range(self.plan.operating_points) if place not in self.done()]
        if scheduler:
            ran = _by_dask(self.job, left, scheduler)
        elif workers > 1 and len(left) > 1:
            ran = _by_processes(self.job, left, workers)
        else:
            ran = (run_operating_point(self.job, place) for place in left)
        for result in ran:
            if result.error:
                raise BenchError(f"campaign {self.plan.campaign.name}, stand {result.place}", result.error)
            self._keep(result)
            show(result)
        table = pa.concat_tables([pq.read_table(self._part(place)) for place in range(self.plan.operating_points)])
        self._write(table, self.folder / "results.parquet")
        return table

    def _keep(self, result: PointResult) -> None:
        self._write(pa.Table.from_pylist(result.rows, SCHEMA), self._part(result.place))

    def _part(self, place: int) -> Path:
        return self._parts / f"{place:06d}.parquet"

    @staticmethod
    def _write(table: pa.Table, path: Path) -> None:
        """Whole or not at all: an interrupted campaign leaves no half of a file."""
        fresh = path.with_suffix(".fresh")
        try:
            pq.write_table(table, fresh)
            fresh.replace(path)
        except OSError as error:
            raise BenchError(str(path), f"cannot be written: {error}", "is the disk full?") from None


@lru_cache(maxsize=1)
def program() -> str:
    """SHA-256 over the sources of the bench: rows of another program are not those of this one."""
    import v2g_bench

    found = hashlib.sha256()
    root = Path(v2g_bench.__file__).parent
    for path in sorted(root.rglob("*.py")):
        found.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def results_sha256(table: pa.Table) -> str:
    """One SHA-256 over all rows: the same for any number of workers."""
    rows = json.dumps(table.to_pylist(), sort_keys=True)
    return hashlib.sha256(rows.encode()).hexdigest()


def _by_processes(job: Job, places: list[int], workers: int) -> Iterator[PointResult]:
    # Spawned, not forked: a fork of a process with threads may hang, and would inherit what it must not.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(places), 4 * (os.cpu_count() or 1)), mp_context=context) as pool:
        waiting = iter(places)
        running: set[Future[PointResult]] = set()
        try:
            while True:
                for place in waiting:
                    running.add(pool.submit(run_operating_point, job, place))
                    if len(running) >= 2 * workers:
                        break
                if not running:
                    return
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _by_dask(job: Job, places: list[int], address: str) -> Iterator[PointResult]:
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise BenchError("--scheduler", "Dask is not installed", "pip install 'v2g-bench[dask]'") from None
    try:
        client = Client(address, timeout="10s", set_as_default=False)  # type: ignore[no-untyped-call,unused-ignore]
    except (OSError, ValueError) as error:
        raise BenchError(f"--scheduler {address}", f"no Dask scheduler answers: {error}") from None
    with client:
        if not client.scheduler_info()["workers"]:
            raise BenchError(f"--scheduler {address}", "has no workers", f"start some: dask worker {address}")
        # pure=False: a row is never taken from another campaign's cache
        futures = client.map(run_operating_point, [job] * len(places), places, pure=False)
        for future in as_completed(futures, loop=client.loop):  # type: ignore[no-untyped-call,unused-ignore]
            yield future.result()
