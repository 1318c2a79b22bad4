"""A rig at work for hours, whose memory, descriptors and threads must stay flat: `.venv/bin/python tests/soak --seconds 3600`.

--clock=virtual: the whole bench in one process under a simulated clock, faster than real time; the seconds are those of that
clock. --clock=real: processes, sockets and real time. Prints a line for each process; the exit status is 1 where something
grows. --leak shows that it would be seen.
"""

import argparse
import sys

from load import RIGS
from soak import LEAKS, soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests/soak", description=__doc__)
    parser.add_argument("--clock", choices=RIGS, default="virtual")
    parser.add_argument("--seconds", type=float, default=3600.0, help="of that clock (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--leak", choices=LEAKS, default="")
    options = parser.parse_args()
    found = soak(options.clock, options.seconds, options.seed, options.leak)
    for text in found:
        print(f"not flat: {text}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
