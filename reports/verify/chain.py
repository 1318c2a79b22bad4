"""The chain of records that a run wrote while it went on, against the results, the files and the heads that it published.

Of a run that was killed the chain says up to which record all is as it was written, and that the end is missing. What is
behind the last published head can have been rewritten whole by whoever can write the folder.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.reports.model.chain import (
    EVENTS,
    GROWING,
    NO_END,
    Head,
    Prefix,
    heads_in,
    published,
    read_chain,
    sha256_of,
)
from v2g_bench.reports.model.digest import run_digest, test_digest, trial_digest
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.run import Run, Texts
from v2g_bench.reports.verify.waveform_file import inside
from v2g_bench.reports.write import MANIFEST, OUTPUTS, RESULTS, SEAL, SUMS

KIND = "chain"
_MADE_AFTERWARDS = {*OUTPUTS, MANIFEST, SUMS, SEAL, EVENTS}
_EXPORTED = {".mf4", ".parquet"}
Record = dict[str, Any]


def check_chain(folder: Path, run: Run, result: Verification, log: str | None = None) -> None:
    """Add to `result` what does not fit. log: a text in which the run has published its heads, as that of its terminal."""
    try:
        prefix = read_chain((folder / EVENTS).read_bytes())
    except OSError:
        prefix = None
    if prefix is None or not prefix.chained:
        if run.chain or log is not None:
            result.wrong(KIND, EVENTS, "is not here" if prefix is None else "is no chain, and the run has written one")
        else:
            result.impossible.append(
                f"whether something was cut out while the run went on: results of version {run.schema} have no chain of records"
            )
        return
    if not prefix.records:
        result.wrong(KIND, EVENTS, prefix.broken or "holds no whole record")
        return
    try:
        _whole(prefix, run, result)
        _heads(prefix, run, result, log)
        if not prefix.broken:  # what is behind a break stands in no chain: nothing can be compared with it
            _end(folder, prefix, run, result)
            _tests(prefix, run, result)
            _trials(prefix, run, result)
            _files(folder, prefix, result)
    except (
        BenchError,
        TypeError,
        ValueError,
        AttributeError,
        LookupError,
        OverflowError,
    ) as error:  # a list where a name should be
        result.wrong(KIND, EVENTS, f"has a record of another form than a run writes: {error}")


def _whole(prefix: Prefix, run: Run, result: Verification) -> None:
    """The prefix itself: where it ends, and whether its times run forward."""
    records = prefix.records
    last, count = records[-1], len(records)
    result.done.append(
        f"{count} records of {EVENTS}, each with the hash of the one before it, up to {last.get('at')} ({last.get('event')})"
    )
    if prefix.broken:
        result.wrong(KIND, EVENTS, f"{prefix.broken}; whole up to record {count}, {last.get('at')}")
    times = [float(record["bench_s"]) for record in records]
    back = [place for place, (one, two) in enumerate(pairwise(times), 2) if not one <= two]
    if back:
        result.wrong(KIND, EVENTS, f"record {back[0]} is older than the one before it")
    if (records[0].get("event"), records[0].get("rig"), records[0].get("seed"), records[0].get("started")) != (
        *("run started", run.rig, run.seed),
        run.started,
    ):
        result.wrong(KIND, EVENTS, "does not begin with the begin of the run that results.json states")


def _heads(prefix: Prefix, run: Run, result: Verification, log: str | None) -> None:
    """The heads that are known elsewhere: in the results, and where they were published."""
    name = published(Head(), prefix.heads[0]).split()[1]
    if not _holds(prefix, heads_in(run.chain), name):
        result.wrong(KIND, RESULTS, f"states {run.chain or 'no head'!r}, which is no head of the chain in {EVENTS}")
    if log is None:
        return
    known = heads_in(log)
    own = [(one, head) for one, head in known if one == name]
    if not own:
        result.wrong(KIND, EVENTS, f"no head of this chain was published, {len(known)} of others")
    for _, head in own:
        if not _holds(prefix, [(name, head)], name):
            what = f"record {head.number} is not the one that was published as sha256 {head.sha256}"
            result.wrong(KIND, EVENTS, what)
    if own:
        last = max(head.number for _, head in own)
        reached = sum(head.number <= len(prefix.heads) for _, head in own)
        result.done.append(f"{reached} of {len(own)} published heads against the chain, the last of record {last}")
        behind = len(prefix.heads) - last
        if behind > 0 and not prefix.broken and _over(prefix):
            result.wrong(KIND, EVENTS, "the last head of a run that has ended was not published")
        if behind > 0:
            result.notes.append(f"{behind} records are behind the last published head")


def _holds(prefix: Prefix, heads: list[tuple[str, Head]], name: str) -> bool:
    """Whether these are heads of the chain; a head behind a break cannot be told. False for none."""
    reach = len(prefix.heads)
    return bool(heads) and all(
        one == name
        and (head in prefix.heads[head.number - 1 : head.number] or (bool(prefix.broken) and head.number > reach))
        for one, head in heads
    )


def _end(folder: Path, prefix: Prefix, run: Run, result: Verification) -> None:
    """The record of the run's end against the results; without one, the results as the killed run last wrote them."""
    records = prefix.records
    ends = [place for place, record in enumerate(records, 1) if record.get("event") == "run ended"]
    if not ends:
        _killed(folder, prefix, run, result)
        return
    if ends != [len(records)] or prefix.torn:
        result.wrong(KIND, EVENTS, f"goes on behind the end of the run, record {ends[0]}")
    end = records[ends[0] - 1]
    spoiled = not run.complete and end.get("complete")  # by a report that could not be written
    then = replace(run, complete=True, incomplete_reason="") if spoiled else run
    stated = {
        "verdict": then.verdict,
        "exit_status": then.exit_status,
        "complete": then.complete,
        "sha256": run_digest(then),
    }
    if other := [key for key, value in stated.items() if end.get(key) != value]:
        result.wrong(KIND, RESULTS, f"is not what the run ended with, by the chain: {', '.join(other)}")
    elif spoiled:
        result.notes.append(f"the results were complete when the run ended; now: {run.incomplete_reason}")


def _killed(folder: Path, prefix: Prefix, run: Run, result: Verification) -> None:
    if run.complete or run.incomplete_reason != NO_END:
        result.wrong(KIND, EVENTS, f"the end of the run is missing: nothing is behind record {len(prefix.records)}")
        return
    saved = [record.get("sha256") for record in _of(prefix, "results")]
    found = hashlib.sha256((folder / RESULTS).read_bytes()).hexdigest()
    if found not in saved[-2:]:  # a record is written before what it records
        result.wrong(KIND, RESULTS, "is not as the run has last written it")
    torn = f"; {prefix.torn} bytes of a record that was being written are left out" if prefix.torn else ""
    result.notes.append(
        f"the run was killed after record {len(prefix.records)}, {prefix.records[-1].get('at')}{torn}: it is not complete, and "
        "nothing can be certified by it"
    )


def _tests(prefix: Prefix, run: Run, result: Verification) -> None:
    """Each test's result as it was when the test ended, and each test that ended."""
    texts = Texts()
    held = {(test.nodeid, test_digest(test, run.schema, texts)) for one in run.requirements for test in one.tests}
    chained = [(record.get("test"), record.get("sha256")) for record in _of(prefix, "test finished")]
    unsaved = set() if _over(prefix) else set(chained[-1:])  # killed before it stood in the results
    changed = {nodeid for nodeid, _ in held.difference(chained)}
    for nodeid in sorted(changed):
        result.wrong(KIND, nodeid, "its result is not the one that it ended with")
    for name in dict.fromkeys(str(one[0]) for one in chained if one not in held | unsaved):
        if name not in changed:
            result.wrong(KIND, name, "has ended by the chain, and is not in the results")
    result.done.append(f"{len(held.intersection(chained))} results of tests against the chain")


def _trials(prefix: Prefix, run: Run, result: Verification) -> None:
    """Each trial that was kept, and each that the results hold; one that a test set aside stands in the chain so."""
    held = {
        (
            test.nodeid,
            trial_digest(trial, run.schema),
        ): f"{test.nodeid} {found.name}, trial {trial.index}.{trial.attempt}"
        for one in run.requirements
        for test in one.tests
        for found in test.measurements
        for trial in found.trials
    }
    ended = _of(prefix, "test finished")
    aside = {(record["test"], digest) for record in ended for digest in record["set_aside"]}
    saved = {record["test"] for record in (ended if _over(prefix) else ended[:-1])}
    chained = {
        (record["test"], record["sha256"]): f"{record['test']}, trial {record['index']}.{record['attempt']}"
        for record in _of(prefix, "trial")
    }
    for key in sorted(held.keys() - chained.keys()):
        result.wrong(KIND, held[key], "is not a trial that the run has recorded")
    for key in sorted(chained.keys() - held.keys() - aside):
        if key[0] in saved:
            result.wrong(KIND, chained[key], "was recorded, and is not in the results")
    result.done.append(f"{len(held.keys() & chained.keys())} trials against the chain")


def _files(folder: Path, prefix: Prefix, result: Verification) -> None:
    """Each file as its last record has it, and no other."""
    ended = _over(prefix)
    last: dict[str, Any] = {}
    for record in _of(prefix, "files"):
        last |= record["files"]
    for name, kept in last.items():
        _file(folder, name, kept, result, ended=ended)
    if ended:
        for name in sorted(_names(folder) - {name for name, kept in last.items() if kept is not None}):
            result.wrong(KIND, name, "was not here when the run ended")
    result.done.append(f"{len(last)} files against the chain")


def _file(folder: Path, name: str, kept: Any, result: Verification, *, ended: bool) -> None:
    """One file; kept: its size and SHA-256, None where it had gone.

    Of a killed run only what is never written anew must be as it was: the controller's own files may have changed since.
    """
    if kept is None:
        return
    path, (size, digest) = inside(folder, name), kept
    try:
        there, found = path.stat().st_size, sha256_of(path, size)
    except OSError:
        there, found = 0, ""
    if found == digest and (there == size or not ended):
        return
    text = f"is not as the run recorded it ({size} bytes)" if found else "stands in the chain, and is not here"
    if ended or name.endswith(".npz") or ("/" not in name and path.suffix in GROWING):
        result.wrong(KIND, name, text)
    else:
        result.notes.append(f"{name} {text}: by the run after its last record, or by somebody since")


def _of(prefix: Prefix, event: str) -> list[Record]:
    return [record for record in prefix.records if record.get("event") == event]


def _over(prefix: Prefix) -> bool:
    """Whether the run came to its end."""
    return prefix.records[-1].get("event") == "run ended"


def _names(folder: Path) -> set[str]:
    """The files that a run leaves: not what is made of them afterwards."""
    return set(filter(_of_the_run, _all(folder)))


def _of_the_run(name: str) -> bool:
    return name not in _MADE_AFTERWARDS and not name.startswith("editions/") and Path(name).suffix not in _EXPORTED


def _all(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
