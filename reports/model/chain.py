"""The chain of records of a run: each line of events.jsonl states the SHA-256 of the line before it.

    {"n": 3, "before": "9f2c…", "at": "2026-11-30T12:29:38.1+00:00", "bench_s": 16908.3, "event": "trial", …}

The hash of a record is that of its line, line feed included: `sed -n 3p events.jsonl | sha256sum`. So the hash of the last
one, the head, stands for all: who knows a head sees whether a record before it was changed, cut out, put in or moved. Who
can write the file can still make a whole new chain, and cut off or replace what is behind the last head that is known
elsewhere: that is why a run publishes its heads while it goes on.

>>> first, head = link(Head(), {"event": "run started"})
>>> second, head = link(head, {"event": "trial", "value_ms": 9.1})
>>> read_chain(first + second).heads[-1] == head
True
>>> read_chain(first + second.replace(b"9.1", b"8.1") + link(head, {"event": "run ended"})[0]).broken
'record 3 does not follow from record 2: one of the two was changed'
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EVENTS = "events.jsonl"
NO_END = "the run did not reach its end"  # why a run is incomplete that nobody has ended
# Files that only grow while a run goes on, by suffix, and the byte from which on: a BLF's header counts what follows it.
GROWING = {".jsonl": 0, ".log": 0, ".csv": 0, ".blf": 144}
_HEAD = re.compile(r"chain ([0-9a-f]{16}) record (\d+) sha256 ([0-9a-f]{64})\b")


@dataclass(frozen=True)
class Head:
    """One record and all before it. number: from 1; 0 before the first; sha256: of its line."""

    number: int = 0
    sha256: str = "0" * 64


@dataclass(frozen=True)
class Prefix:
    """The part of a chain that is whole: its records, and the head at each.

    broken: what is wrong behind it; torn: the number of bytes of a last line that has no end; chained: False for an event
    log whose format has no chain.
    """

    records: list[dict[str, Any]] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    broken: str = ""
    torn: int = 0
    chained: bool = True


def link(head: Head, record: Mapping[str, Any]) -> tuple[bytes, Head]:
    """The line of the next record, and the head with it."""
    number = head.number + 1
    line = (json.dumps({"n": number, "before": head.sha256, **record}, default=str) + "\n").encode()
    return line, Head(number, hashlib.sha256(line).hexdigest())


def read_chain(content: bytes) -> Prefix:
    """Every record up to the first that does not follow from the one before it."""
    *lines, rest = content.split(b"\n")
    head, records, heads = Head(), list[dict[str, Any]](), list[Head]()
    for number, line in enumerate(lines, 1):
        record = _parsed(line)
        if number == 1 and record is not None and not {"n", "before"} & record.keys():
            return Prefix(chained=False)
        if broken := _broken(record, head):
            return Prefix(records, heads, broken, len(rest))
        assert record is not None
        head = Head(number, hashlib.sha256(line + b"\n").hexdigest())
        records.append(record)
        heads.append(head)
    return Prefix(records, heads, torn=len(rest))


def published(head: Head, first: Head) -> str:
    """The line by which a head is published. first: the chain's first record, which names the chain."""
    return f"chain {first.sha256[:16]} record {head.number} sha256 {head.sha256}"


def heads_in(text: str) -> list[tuple[str, Head]]:
    """Each head that was published in a text, such as the log of a terminal, with the name of its chain."""
    return [(name, Head(int(number), digest)) for name, number, digest in _HEAD.findall(text)]


def sha256_of(path: Path, size: int) -> str:
    """SHA-256 of the first `size` bytes of a file, without a header that is written anew while it grows. OSError as `open`."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(begin := GROWING.get(path.suffix, 0))
        left = size - begin
        while left > 0 and (part := file.read(min(left, 1 << 20))):
            found.update(part)
            left -= len(part)
    return found.hexdigest()


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _broken(record: dict[str, Any] | None, head: Head) -> str:
    """Why this record cannot follow the head; "" where it does."""
    number = head.number + 1
    if record is None:
        return f"record {number} cannot be read"
    if record.get("n") != number:
        return f"where record {number} must be, record {record.get('n')!r} is: some were cut out, put in or moved"
    if record.get("before") != head.sha256:
        return f"record {number} does not follow from record {head.number}: one of the two was changed"
    return ""
