"""Fuzzes by hand, for as long as one likes: `.venv/bin/python tests/fuzz --seconds 3600 [TARGET ...]`.

Prints a line for each target; an input that found something is kept in --keep, by its target and its SHA-256. The exit status
is 1 where something was found.
"""

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

from catalogue import TARGETS
from engine import fuzz


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all without")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all targets together (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), metavar="DIR")
    options = parser.parse_args()
    if unknown := sorted(set(options.targets) - set(TARGETS)):
        parser.error(f"no such target: {', '.join(unknown)}")
    names, sick = options.targets or list(TARGETS), False
    with tempfile.TemporaryDirectory(prefix="v2g-fuzz-") as folder:
        for name in names:
            outcome = fuzz(TARGETS[name], Path(folder), options.seed, options.seconds / len(names))
            print(f"{name:18} {outcome}", flush=True)
            sick |= bool(outcome.findings)
            for _, data in outcome.findings.values():
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)
    return 1 if sick else 0


if __name__ == "__main__":
    sys.exit(main())
