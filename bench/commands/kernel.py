"""The subcommand `v2g-bench kernel`: its arguments, and which of boot.py and build.py they call.

v2g-bench kernel -- pytest --rig=vcan0 --rig-strict
v2g-bench kernel --build
v2g-bench kernel --time-travel -- pytest --rig=vcan0 --rig-strict
"""

import argparse
import os
import re

from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import Within

TIME_TRAVEL_BOUND_S = 1800.0
LEAST_MEMORY_MIB = 256

_DESCRIPTION = """\
Runs COMMAND in a user-mode kernel that has vcan0 and vcan1: an ordinary process, on this machine's files, in this
folder, with this environment. Exit status: the command's; 128 + n when signal n ended it; 124 for --timeout; 127 when
there is no such program; 2 when there is no such kernel."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Give the subcommand its arguments; what it does is set as `run`, as v2g_bench.commands.main wants it."""
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "v2g-bench kernel [options] -- COMMAND..."
    parser.add_argument(
        "--time-travel", action="store_true", help="a virtual clock: waiting takes no time, computing takes none either"
    )
    parser.add_argument("--build", action="store_true", help="build the kernel that --time-travel needs, once")
    parser.add_argument(
        "--timeout",
        type=Within(0, 31 * 86_400, over=True).real_text,
        metavar="SECONDS",
        help=f"bound in real time; default: none, {TIME_TRAVEL_BOUND_S:g} with --time-travel",
    )
    parser.add_argument("--memory", type=memory_mib, default="2G", metavar="SIZE", help="of the kernel; default 2G")
    parser.add_argument("--cpu", type=_cpu, metavar="N", help="the CPU it runs on; default: the last one allowed")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="what to run, after --")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """BenchError for a call that makes no sense here, and for what is missing on this machine."""
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if options.build:
        if command:
            raise BenchError("v2g-bench kernel --build", "builds and does not run anything", "give the command later")
        from v2g_bench.kernel.build import build

        print(build())
        return 0
    if not command:
        raise BenchError("v2g-bench kernel", "no command", "v2g-bench kernel -- pytest --rig=vcan0 --rig-strict")
    inside = os.environ.get("V2G_KERNEL")
    if inside:
        raise BenchError("v2g-bench kernel", f"this runs in one already ({inside})", "run the command itself")
    from v2g_bench.kernel import boot, images

    image = images.virtual_clock_image() if options.time_travel else images.real_clock_image()
    bound_s = TIME_TRAVEL_BOUND_S if options.timeout is None and options.time_travel else options.timeout
    return boot.run(image, command, memory_mib=options.memory, cpu=options.cpu, timeout_s=bound_s)


def memory_mib(text: str) -> int:
    """ "2G" or "512M" -> MiB. ArgumentTypeError for anything else, and for less than a kernel with Python needs."""
    match = re.fullmatch(r"(\d+)([MG])", text.strip().upper())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 2G or 512M")
    size = int(match[1]) * (1024 if match[2] == "G" else 1)
    if size < LEAST_MEMORY_MIB:
        raise argparse.ArgumentTypeError(f"{text} is too little: {LEAST_MEMORY_MIB}M at least")
    return size


def _cpu(text: str) -> int:
    allowed = os.sched_getaffinity(0)
    if not text.isdecimal() or int(text) not in allowed:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(map(str, sorted(allowed)))}")
    return int(text)
