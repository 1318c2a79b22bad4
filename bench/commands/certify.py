"""`v2g-bench certify --rig=my.toml`: the suite that ships with the bench, from any folder.

It is pytest with the suite's own settings: no configuration and no conftest.py of the folder where it is called takes part,
nor do plugins, words and modules that the environment names.
Exit status: that of pytest (reports/README.md).
"""

import argparse
import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from v2g_bench.errors import BenchError
from v2g_bench.fixtures.suite import INI, PROJECT, SUITE

HELP = """\
usage: v2g-bench certify --rig=NAME|PATH [--req=ID ...] [OPTION ...] [TEST ...]

Certifies a controller: the suite that ships with the bench, with pytest, from any folder. Run folders go to ./reports.

  --rig=NAME|PATH   the rig (v2g-bench rigs lists those that ship; default: virtual)
  --req=ID          these requirements alone, as SAF-01 or SAF-*; may be given several times
  --dev             a developer's run: no certificate, no qualification; the exit status is that of the tests that ran
  --seed=N          repeats what a run drew
  --trials=N        trials of each measurement
  --reports=DIR     where run folders go
  TEST              a file, a folder or a node id, of the suite or of your own

Every other option of pytest may follow (-k, -x, -v); `pytest --help` lists them, group v2g-bench.
Exit status: 0 all that the profile holds mandatory was tested and met; others: reports/README.md.
"""
_DETACHED = ("--rig", "--reports", "--job", "--seal-key", "--req", "--seed", "--trials", "--scenario", "--scenarios")
_NOT_TAKEN = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONPATH")  # words, plugins and modules of somebody else
_WITH_VALUE = ("-k", "-m", "-p", "-o", "-W", "-r", "-n", "--deselect", "--ignore", "--basetemp", "--junitxml", "--tb")


def configure(parser: argparse.ArgumentParser) -> None:
    """Every word is pytest's; the parser has no options of its own (main: `prefix_chars`)."""
    parser.add_argument("words", nargs="*")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Becomes pytest; returns for --help alone. BenchError where this installation has no suite."""
    if {"-h", "--help"} & set(options.words):
        print(HELP, end="")
        return 0
    if not SUITE.is_dir():
        raise BenchError(str(SUITE), "this installation has no suite", "install the wheel, or run in the checkout")
    sys.stdout.flush()
    words = [sys.executable, "-P", "-m", "pytest", *pytest_words(options.words)]
    # -P: a module in this folder is not taken for one of the bench or of pytest
    os.execve(sys.executable, words, {name: text for name, text in os.environ.items() if name not in _NOT_TAKEN})


def pytest_words(words: Sequence[str]) -> list[str]:
    """The command line of pytest for these words of `certify`; BenchError for one that brings a plugin."""
    given = _attached(words)
    _refuse_plugins(given)
    tests = {place for place, word in enumerate(given) if _is_test(word, given[place - 1] if place else "")}
    asked = [_found(word) if place in tests else word for place, word in enumerate(given)]
    return ["-c", str(INI), f"--rootdir={PROJECT}", *asked, *([] if tests else [str(SUITE)])]


def _attached(words: Sequence[str]) -> list[str]:
    """An option of the bench and its value as one word: pytest would take a path that stands alone for tests."""
    found: list[str] = []
    for word in words:
        if found and found[-1] in _DETACHED:
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


def _refuse_plugins(words: Sequence[str]) -> None:
    """`-p NAME`, also `-pNAME`; `-p no:NAME` takes one away, and may."""
    named = [word[2:] for word in words if word.startswith("-p") and len(word) > 2]
    named += [word for option, word in pairwise(words) if option == "-p"]
    if brought := [name for name in named if not name.strip().startswith("no:")]:
        raise BenchError(
            f"-p {brought[0]}",
            "certify takes no plugin: it could change any outcome",
            "pytest itself takes it, and the report states so",
        )


def _is_test(word: str, before: str) -> bool:
    if word.startswith("-") or before in _WITH_VALUE:
        return False
    path = Path(_found(word).partition("::")[0])
    return "::" in word or path.suffix == ".py" or path.is_dir()


def _found(word: str) -> str:
    """The test here, else the one of the suite; a node id in a report is relative to `PROJECT`."""
    name = word.partition("::")[0]
    return str(PROJECT / word) if not Path(name).exists() and (PROJECT / name).exists() else word
