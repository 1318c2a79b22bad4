"""What of a simulated run must be the same each time it is run: one SHA-256 over results and traces.

    python -m v2g_bench.sim.digest reports/2026-11-22T22-14-07Z-sim

Left out, because it is about the machine and the moment and not about the simulation: when the run began and ended, how
long each test took to compute, host, operator, commit, the head of the chain of records, the captured output of the
tests, and report files. Also left out is where the run folder lies: its path in a controller's words, how far what
follows it is from the log's beginning, and the digests of audit entries that quote it.
"""

import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np

from v2g_bench.errors import BenchError

AUDITED = re.compile(rb"(audit entry \d+: [^\n]*, )[0-9a-f]{64}")
SEARCHED = re.compile(rb'(searched\\?": \[)(\d+), (\d+)')  # of a log; JSON within the JSON in a run of schema 2
OF_THE_MACHINE = ("host", "operator", "commit", "dirty", "lock_sha256", "log", "exit_status")
OF_THE_MOMENT = frozenset((*OF_THE_MACHINE, "started", "ended", "duration_s", "chain"))


def digest(folder: Path) -> dict[str, str]:
    """SHA-256 of each comparable part of a run folder: results, waveforms, bus, log. BenchError if one is missing."""
    try:
        log, path = (folder / "v2g-main.log").read_bytes(), str(folder.resolve()).encode()
        results = _lasting(json.loads((folder / "results.json").read_text("utf-8")))
        placed = _placed(json.dumps(results, sort_keys=True).encode(), log, path)
        return {
            "results": _sha(_placeless(placed, path)),
            "waveforms": _waveforms(folder / "waveforms"),
            "bus": _file_sha(folder / "main.blf"),
            "log": _sha(_placeless(log, path)),
        }
    except (OSError, ValueError) as error:
        raise BenchError(str(folder), f"not the folder of a simulated run: {error}") from error


def joined(parts: dict[str, str]) -> str:
    """One SHA-256 over all parts."""
    return _sha("".join(f"{name} {value}\n" for name, value in sorted(parts.items())).encode())


def _placeless(text: bytes, path: bytes) -> bytes:
    return AUDITED.sub(rb"\1", text.replace(path, b"{run}"))


def _placed(placed: bytes, log: bytes, path: bytes) -> bytes:
    """The results, with the places of the log in which a line was looked for counted without the paths before them."""

    def without(found: re.Match[bytes]) -> bytes:
        first, last = (int(place) - len(path) * log.count(path, 0, int(place)) for place in found.group(2, 3))
        return found.group(1) + b"%d, %d" % (first, last)

    return SEARCHED.sub(without, placed)


def _lasting(value: object) -> object:
    if isinstance(value, dict):
        return {key: _lasting(item) for key, item in value.items() if key not in OF_THE_MOMENT}
    return [_lasting(item) for item in value] if isinstance(value, list) else value


def _waveforms(folder: Path) -> str:
    """Names, arrays and marks, whatever the compressor made of them."""
    found = hashlib.sha256()
    for path in sorted(folder.glob("*.npz")):
        found.update(path.name.encode())
        with np.load(path, allow_pickle=False) as file:
            for key in sorted(file.files):
                array = file[key]
                found.update(f"{key} {array.dtype.str} {array.shape}".encode() + array.tobytes())
    return found.hexdigest()


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _file_sha(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(arguments: list[str]) -> int:
    """Print the digests of run folders; exit status 1 if they differ, 2 if one cannot be read."""
    try:
        found = [digest(Path(argument)) for argument in arguments]
    except BenchError as error:
        print(error, file=sys.stderr)
        return 2
    for argument, parts in zip(arguments, found, strict=True):
        print(f"{joined(parts)}  {argument}")
        for name, value in parts.items():
            print(f"  {name:10} {value}")
    return int(any(parts != found[0] for parts in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
