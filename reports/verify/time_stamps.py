"""The answers of a time stamp server (RFC 3161) to the heads that a run has published, against its chain of records.

Where a head was stamped, nobody can have written that record, or one before it, after that time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from v2g_bench.errors import BenchError
from v2g_bench.inputs.files import read_bytes
from v2g_bench.reports.model.chain import EVENTS, read_chain
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.run import Run
from v2g_bench.reports.sign.laboratory import Laboratory
from v2g_bench.reports.sign.time_stamp import SHA256, SUFFIX, Token, read_token, refusal

KIND = "time stamp"
CLOCKS = timedelta(seconds=60)  # the bench's and the server's may be apart by this


@dataclass(frozen=True)
class TimeStamps:
    """The answers by the names of their files, and the laboratory's list, which names the servers; None where there is none."""

    answers: Mapping[str, bytes]
    keys: Laboratory | None = None

    @property
    def anchors(self) -> list[bytes]:
        """The certificates of the servers, or of the authorities above them (DER)."""
        return [certificate for one in (self.keys.time_stamps if self.keys else ()) for certificate in one.certificates]


def read_answers(folder: Path) -> dict[str, bytes]:
    """The files of this folder that hold an answer each; BenchError where it cannot be read."""
    try:
        return {path.name: read_bytes(path) for path in sorted(folder.iterdir()) if path.suffix == SUFFIX}
    except OSError as error:
        raise BenchError(str(folder), f"cannot be read: {error.strerror}", "name the folder of the answers") from None


def check_time_stamps(folder: Path, run: Run, result: Verification, stamps: TimeStamps) -> None:
    """Add to `result` what does not fit. An answer to another chain is left alone, where one to this chain is there."""
    try:
        heads = {head.sha256: head.number for head in read_chain((folder / EVENTS).read_bytes()).heads}
    except OSError:
        return  # found by the check of the chain
    anchors, stamped, others = stamps.anchors, dict[int, Token](), 0
    for name, content in stamps.answers.items():
        named = name.removesuffix(SUFFIX)
        try:
            token = read_token(content, name)
        except BenchError as error:
            result.wrong(KIND, name, error.what)
            continue
        if token.imprint not in heads:
            if named in heads:
                result.wrong(KIND, name, f"is of {token.imprint[:16]}…, and not of record {heads[named]}")
            others += 1
            continue
        number = heads[token.imprint]
        if why := _refusal(token, run, anchors):
            result.wrong(KIND, name, f"record {number}: {why}")
        else:
            stamped[number] = token
    if others and not stamped and not result.findings:
        result.wrong(KIND, EVENTS, f"no head of this chain was stamped, {others} of others")
    _said(stamped, len(heads), anchors, result)


def _refusal(token: Token, run: Run, anchors: list[bytes]) -> str:
    if token.algorithm != SHA256:
        return f"its imprint is by {token.algorithm}, and not by SHA-256"
    if why := _untimely(token.at, run):
        return why
    return refusal(token, anchors) if anchors else ""


def _untimely(at: datetime, run: Run) -> str:
    begun = datetime.fromisoformat(run.started)
    ended = datetime.fromisoformat(run.ended) if run.ended else None
    if at < begun - CLOCKS or (ended is not None and at > ended + CLOCKS):
        return f"it was stamped at {at.isoformat()}; the run went on from {run.started} to {run.ended or 'its death'}"
    return ""


def _said(stamped: dict[int, Token], records: int, anchors: list[bytes], result: Verification) -> None:
    if not stamped:
        result.notes.append("no head of its chain has a time stamp")
        return
    last = max(stamped)
    whose = "by a server on the laboratory's list" if anchors else "by whomever"
    result.done.append(
        f"{len(stamped)} time stamps of heads, {whose}, the last of record {last} at {stamped[last].at.isoformat()}"
    )
    if last < records:
        result.notes.append(f"{records - last} records are behind the last head with a time stamp")
    if not anchors:
        result.impossible.append("who made the time stamps: no list of the laboratory names a time stamp server here")
