"""`v2g-bench files [WHAT]`: where the files lie that ship with the bench, to be read or copied.

cp -r "$(v2g-bench files nightly)" .
"""

import argparse
from importlib.resources import files
from pathlib import Path

from v2g_bench.errors import BenchError
from v2g_bench.fixtures.suite import SUITE

FILES = {  # name -> the path inside v2g_bench, and what lies there
    "suite": ("", "the conformance tests with their requirements"),
    "rigs": ("rigs", "rig files and their page"),
    "profiles": ("rigs/profiles", "what a run must show"),
    "registers": ("rigs/registers", "register maps of inverters"),
    "nightly": ("rigs/nightly", "a rig that certifies every night"),
    "dbc": ("dbc", "CAN databases with their roles"),
    "pages": ("fixtures", "how to write a test, and to bring your own parts"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("what", nargs="?", choices=sorted(FILES), help="print this folder alone")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the folders; BenchError for one that this installation lacks."""
    for name, (path, what) in FILES.items():
        if options.what in (None, name):
            folder = _folder(path)
            if not folder.is_dir():
                raise BenchError(str(folder), "this installation lacks it", "install the wheel anew")
            print(folder if options.what else f"{name:10} {folder}   {what}")
    return 0


def _folder(path: str) -> Path:
    """Of a room, wherever its package lies; of the suite, which is none."""
    room, _, below = path.partition("/")
    return Path(str(files(f"v2g_bench.{room}"))) / below if room else SUITE
