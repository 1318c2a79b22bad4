"""v2g-ctrl audit --verify: whether the audit trail is as it was written.

    v2g-ctrl audit --verify [--file PATH] [--json]

Exit status: 0 whole, 1 not (each finding on a line), 2 usage, or the trail cannot be read.
"""

import argparse
import json
import sys
from pathlib import Path

from v2g_bench.ems.service.control_client import ControlClient, ControlError, socket_path
from v2g_bench.ems.service.override_trail import head_path, verify_file

DEFAULT_TRAIL = Path("/var/lib/v2g/audit.jsonl")


def main(argv: list[str]) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser("v2g-ctrl audit", description="Check the audit trail of overrides and resets.")
    parser.add_argument("--verify", action="store_true", required=True, help="check every line and the end")
    parser.add_argument("--file", type=Path, help="default: the running daemon's, else /var/lib/v2g/audit.jsonl")
    parser.add_argument("--json", action="store_true", help="the findings as JSON")
    parser.add_argument("--socket", metavar="PATH", help="default: V2G_SOCKET, else /run/v2g/ems.sock")
    args = parser.parse_args(argv)
    running = None if args.file else _of_the_daemon(args.socket)
    status, out, err = findings(args.file or running or DEFAULT_TRAIL, as_json=args.json, may_be_empty=bool(running))
    if err:
        print(err, file=sys.stderr)
    if out:
        print(out)
    return status


def findings(path: Path, *, as_json: bool = False, may_be_empty: bool = True) -> tuple[int, str, str]:
    """Exit status, and the text for standard output and for standard error.

    may_be_empty: no file is a trail without entries, as a running controller has that nobody has overridden yet.
    """
    try:
        begun = not may_be_empty or path.exists() or head_path(path).exists()
        entries, problems = verify_file(path) if begun else (0, [])
    except OSError as error:
        return 2, "", f"v2g-ctrl: {path}: cannot be read: {error.strerror}\n  give the trail with --file"
    status = 1 if problems else 0
    if as_json:
        return status, json.dumps({"ok": not problems, "file": str(path), "entries": entries, "problems": problems}), ""
    if problems:
        return status, "", "\n".join(f"{path}: {problem}" for problem in problems)
    return status, f"{path}: {entries} entries, whole", ""


def _of_the_daemon(socket: str | None) -> Path | None:
    try:
        answer = ControlClient(socket_path(socket)).ask({"cmd": "audit"})
    except ControlError:
        return None
    return Path(answer["file"]) if answer.get("file") else None
