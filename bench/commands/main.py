"""The command `v2g-bench`: what rigs there are, and whether one is in order.

v2g-bench rigs
v2g-bench requirements
v2g-bench check --rig=vcan0
v2g-bench qualify --rig=vcan0
v2g-bench calibrate --rig=vcan0
v2g-bench certify --rig=vcan0 --req=SAF-01
v2g-bench campaign shutdown --trials 20000 --workers 2
v2g-bench audit week.csv
v2g-bench kernel -- pytest --rig=vcan0 --rig-strict
v2g-bench export reports/2026-11-23T01-00-00Z-vcan0
v2g-bench verify reports/2026-11-23T01-00-00Z-vcan0
"""

import argparse
import errno
import os
import select
import sys
from collections.abc import Sequence
from pathlib import Path

from v2g_bench import __version__
from v2g_bench.commands.audit import configure as configure_audit
from v2g_bench.commands.campaign import configure as configure_campaign
from v2g_bench.commands.certify import configure as configure_certify
from v2g_bench.commands.files import configure as configure_files
from v2g_bench.commands.kernel import configure as configure_kernel
from v2g_bench.commands.qualify import configure_calibrate, configure_qualify
from v2g_bench.commands.reports import configure as configure_reports
from v2g_bench.commands.requirements import configure as configure_claims
from v2g_bench.errors import BenchError, plain_output, readable
from v2g_bench.memory import require_memory

# What the machine, or `ulimit`, has too little of: no error of the bench.
SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EAGAIN)
HINT = "the limits of this shell: ulimit -a; the disk: df -h"
UNREAD = 141  # as a shell says of a command that SIGPIPE ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; 0 when all is well, 1 when a part is faulty, 2 for a wrong call or an invalid file."""
    plain_output()
    options = _parser().parse_args(arguments)
    try:
        require_memory("v2g-bench")
        status = int(options.run(options))
        if sys.stdout is not None:  # as in a job that was started without one
            sys.stdout.flush()
        return status
    except BenchError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:
        if not _nobody_reads():
            raise
        return UNREAD
    except OSError as error:
        if error.errno not in SHORT:
            raise
        print(f"{os.strerror(error.errno)}: {readable(str(error.filename or 'v2g-bench'))}\n  {HINT}", file=sys.stderr)
        return 2
    except MemoryError:
        print(f"v2g-bench: no memory is left\n  {HINT}", file=sys.stderr)
        return 2


def _nobody_reads() -> bool:
    """Whether standard output goes to a program that has ended, as in `v2g-bench requirements | head`; then it is let go."""
    output = sys.stdout.fileno()
    poll = select.poll()
    poll.register(output, 0)
    if not any(events & select.POLLERR for _, events in poll.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="v2g-bench", description="Hardware-in-the-loop bench for V2G controllers.")
    parser.add_argument("--version", action="version", version=f"v2g-bench {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    rigs = commands.add_parser("rigs", help="list the rigs here and those that ship with the bench")
    rigs.set_defaults(run=_rigs)
    check = commands.add_parser("check", help="open every part of a rig and report what answers")
    check.add_argument("--rig", default="virtual", metavar="NAME|PATH")
    check.add_argument("--rig-strict", action="store_true", help="an error where the rig's CAN interface is not there")
    check.set_defaults(run=_check)
    configure_qualify(commands.add_parser("qualify", help="let the bench measure itself: a known-delay controller"))
    configure_calibrate(commands.add_parser("calibrate", help="measure the digitizer's trigger with a common edge"))
    configure_certify(
        # Every word after it is pytest's: none begins an option of this parser
        commands.add_parser(
            "certify", help="run the suite that ships with the bench", prefix_chars="\0", add_help=False
        )
    )
    configure_files(commands.add_parser("files", help="where the suite, rigs, databases and examples lie"))
    configure_kernel(
        commands.add_parser("kernel", help="run a command where there is SocketCAN: in a user-mode kernel")
    )
    export = commands.add_parser("export", help="a run's captures as MF4 and Parquet, also of a run that was killed")
    export.add_argument("folder", type=Path, metavar="RUN")
    export.set_defaults(run=_export)
    configure_campaign(commands.add_parser("campaign", help="thousands of generated scenarios on the simulation"))
    configure_audit(commands.add_parser("audit", help="what a recording cost the battery's life, by laws of ageing"))
    configure_claims(commands.add_parser("requirements", help="every requirement, and the tests that claim it"))
    configure_reports(commands)
    return parser


def _rigs(_: argparse.Namespace) -> int:
    from v2g_bench.rig.file.load import load_rig, shipped_rigs

    sick = 0
    for name, path in shipped_rigs().items():
        try:
            rig = load_rig(str(path)).rig
            emulated = rig.emulated_parts()
            what = "all parts real" if not emulated else "emulated: " + ", ".join(emulated)
            print(f"{name:18} {rig.evidence:10} {what}")
        except BenchError as error:
            sick += 1
            print(f"{name:18} broken     {error}")
    return 1 if sick else 0


def _export(options: argparse.Namespace) -> int:
    from v2g_bench.can.export import export_run

    for path in export_run(options.folder):
        print(path)
    return 0


def _check(options: argparse.Namespace) -> int:
    from v2g_bench.commands.check import check_rig

    sick = 0
    for finding in check_rig(options.rig, strict=options.rig_strict):
        sick += not finding.ok
        text = finding.text.replace("\n", "\n" + " " * 24)
        mark, part = ("SICK" if not finding.ok else "ok  "), finding.part
        if part == "note":  # it works, and there is something to look at
            mark, part = "note", ""
        print(f"{mark} {part:18} {text}", flush=True)
    return 1 if sick else 0


if __name__ == "__main__":
    sys.exit(main())
