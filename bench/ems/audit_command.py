"""v2g-ctrl audit --verify: whether the audit trail is as it was written.

    v2g-ctrl audit --verify [--file PATH] [--json]

Exit status: 0 whole, 1 not (each finding on a line), 2 usage, or the trail cannot be read.
"""

import argparse
import json
import sys
from pathlib import Path

from v2g_bench.ems.audit import verify_file
from v2g_bench.ems.client import ControlClient, ControlError, socket_path

DEFAULT_TRAIL = Path("/var/lib/v2g/audit.jsonl")


def main(argv: list[str]) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser("v2g-ctrl audit", description="Check the audit trail of overrides and resets.")
    parser.add_argument("--verify", action="store_true", required=True, help="check every line and the end")
    parser.add_argument("--file", type=Path, help="default: the running daemon's, else /var/lib/v2g/audit.jsonl")
    parser.add_argument("--json", action="store_true", help="the findings as JSON")
    parser.add_argument("--socket", metavar="PATH", help="default: V2G_SOCKET, else /run/v2g/ems.sock")
    args = parser.parse_args(argv)
    path = args.file or _of_the_daemon(args.socket)
    try:
        entries, problems = verify_file(path)
    except OSError as error:
        print(f"v2g-ctrl: {path}: cannot be read: {error.strerror}\n  give the trail with --file", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps({"ok": not problems, "file": str(path), "entries": entries, "problems": problems}))
    elif problems:
        print("\n".join(f"{path}: {problem}" for problem in problems), file=sys.stderr)
    else:
        print(f"{path}: {entries} entries, whole")
    return 1 if problems else 0


def _of_the_daemon(socket: str | None) -> Path:
    try:
        answer = ControlClient(socket_path(socket)).ask({"cmd": "audit"})
    except ControlError:
        return DEFAULT_TRAIL
    return Path(answer["file"]) if answer.get("file") else DEFAULT_TRAIL
