"""The audit trail of everything that an operator overrides, resets or reloads: JSON lines, chained by their hashes.

    {"n": 2, "time": "2026-11-22T22:14:07.123456+00:00", "bench_s": 12345.678901, "who": {"uid": 0, "user": "root",
     "pid": 812}, "what": "force-limit 10", "outcome": "…", "before": {…}, "after": {…}, "prev": "…", "hash": "…"}

`hash` is the SHA-256 of the line without itself, so of `prev`, the hash of the line before, too. The last number and
hash are also in a separate file, the head (`audit.jsonl.head`), and in the main log: an edited, deleted, inserted
or reordered line breaks the chain, a cut tail contradicts the head. Who may write all three files can still forge the
whole; keep the main log elsewhere as well (the journal forwards it).

>>> line = chained({"what": "reset-trip"}, 1, START)
>>> verify([line], head=(1, json.loads(line)["hash"]))
[]
>>> verify([line.replace("reset-trip", "set-power")])
['line 1: its content was changed after it was written']
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from v2g_bench.inputs.files import read_bytes, read_text, replace_text

TRAIL_MAX = 1 << 28  # bytes of a trail that can be read back: some 300,000 entries
START = "0" * 64  # what the first line is chained to
Head = tuple[int, str]


def chained(entry: Mapping[str, Any], number: int, previous: str) -> str:
    """The line (without its newline) for the entry as number `number`, after the line with the hash `previous`."""
    record = {"n": number, **entry, "prev": previous}
    return json.dumps(record | {"hash": _digest(record)}, ensure_ascii=False)


def verify(lines: Iterable[str], head: Head | None = None) -> list[str]:
    """Everything that is wrong with the trail, as "line N: …"; empty if it is whole.

    head: number and hash of the last line as stored elsewhere; None leaves a cut tail undetected.
    """
    problems: list[str] = []
    number, previous, seen = 0, START, set[int]()
    for place, text in enumerate(lines, start=1):
        record = _record(text)
        if record is None:
            problems.append(f"line {place}: is not a line of an audit trail")
            continue
        if record["hash"] != _digest({key: value for key, value in record.items() if key != "hash"}):
            problems.append(f"line {place}: its content was changed after it was written")
        elif record["n"] != number + 1 or record["prev"] != previous:
            problems.append(f"line {place}: {_break(record['n'], number, seen)}")
        number, previous = record["n"], record["hash"]
        seen.add(number)
    if head is not None and head != (number, previous):
        problems.append(_against_head(number, head))
    return problems


def _break(found: int, before: int, seen: set[int]) -> str:
    if found in seen:
        return f"entry {found} is here a second time"
    if found > before + 1:
        return f"entry {found} follows entry {before}: {found - before - 1} missing or moved"
    if found <= before:
        return f"entry {found} follows entry {before}: the order was changed"
    return f"entry {found} does not follow from the line before it"


def _against_head(number: int, head: Head) -> str:
    if number < head[0]:
        return f"the end is missing: {head[0]} entries were written, the last one here is {number}"
    if number > head[0]:
        return f"{number - head[0]} entries more than the head states ({head[0]})"
    return f"the last line is not the one that was written as entry {number}"


def _digest(record: Mapping[str, Any]) -> str:
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def _record(text: str) -> dict[str, Any] | None:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    sound = isinstance(record, dict) and isinstance(record.get("n"), int)
    sound = sound and isinstance(record.get("prev"), str) and isinstance(record.get("hash"), str)
    return record if sound else None


# The files


def head_path(path: Path) -> Path:
    """Where the head of a trail is kept."""
    return path.with_name(path.name + ".head")


def read_head(path: Path) -> Head | None:
    """The stored head; None if there is none, or none that can be read."""
    try:
        head = json.loads(read_text(head_path(path)))
        return int(head["n"]), str(head["hash"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def verify_file(path: Path) -> tuple[int, list[str]]:
    """(number of lines, what is wrong). Raises: OSError when the file cannot be read."""
    text = read_bytes(path, TRAIL_MAX).decode("utf-8", "replace")
    lines = text.splitlines()
    head = read_head(path)
    problems = verify(lines, head)
    if text and not text.endswith("\n"):
        torn = f"line {len(lines)}: is torn"
        problems = [one for one in problems if not one.startswith(f"line {len(lines)}: is not")] + [torn]
    if head is None:
        problems.append(f"{head_path(path)}: the head is missing, so a cut end could not be seen")
    return len(lines), problems


class AuditTrail:
    """Appends to one trail. The head in memory counts: what happens to the files meanwhile shows in `verify`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = self._take_up()

    def _take_up(self) -> str | None:
        """Go on after the last line; what is wrong with the trail that was found, None if nothing is."""
        stored = read_head(self.path)
        self.head = stored or (0, START)
        try:
            lines = read_bytes(self.path, TRAIL_MAX).decode("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return None if stored is None else f"{self.path}: is gone, entry {stored[0]} was its last"
        except OSError as error:
            return f"{self.path}: cannot be read: {error}"
        last = _record(lines[-1]) if lines else None
        if last is not None and last["n"] == self.head[0] + 1 and last["prev"] == self.head[1]:
            # Written, but the power went before the head was.
            self.head = (last["n"], last["hash"])
            return None
        problems = verify(lines, self.head)
        return f"{self.path}: {problems[0]}" if problems else None

    def append(self, entry: Mapping[str, Any]) -> Head:
        """Write one entry through to the disk; the new head. Raises: OSError, and then nothing was added."""
        line = chained(entry, self.head[0] + 1, self.head[1])
        head = (self.head[0] + 1, str(json.loads(line)["hash"]))
        data = line.encode() + b"\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO is an error, not a wait
        fd = os.open(self.path, flags, 0o640)
        try:
            size = os.fstat(fd).st_size
            try:
                if os.write(fd, data) != len(data):
                    raise OSError("the disk took only a part of the line")
                os.fsync(fd)
                self._keep_head(head)
            except OSError:
                os.ftruncate(fd, size)
                raise
        finally:
            os.close(fd)
        self.head = head
        return head

    def _keep_head(self, head: Head) -> None:
        replace_text(head_path(self.path), json.dumps({"n": head[0], "hash": head[1]}))
