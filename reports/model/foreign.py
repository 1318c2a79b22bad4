"""What took part in a run and does not ship with the bench: tests, a profile, plugins. Page 1 names it, as deviations.

A test file goes by its family and name (`safety/test_shutdown.py`) and its SHA-256, wherever its suite lies.

>>> shipped = Suite({"a/test_a.py": "11"}, {"A-1": "22"})
>>> sentences({"tests/conformance/a/test_a.py": "11"}, {"A-1": "22"}, shipped)
[]
>>> sentences({"tests/conformance/a/test_a.py": "11", "my/test_b.py": "33"}, {"A-1": "22", "B-1": "44"}, shipped)
['tests beside those of the shipped suite: my/test_b.py, SHA-256 33']
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from v2g_bench.inputs.files import read_bytes
from v2g_bench.inputs.text import LARGEST

TREE = Path(__file__).resolve().parents[2]
CONFORMANCE = "tests/conformance"
PROFILES = TREE / "rigs" / "profiles"
NAMED = 3

# How their deviations begin; `issue` refuses what is not certified by the shipped suite alone.
NONE_SHIPPED = "none of the shipped requirements was part of the run"
OTHER_TESTS = "tests of another suite than the shipped one"
MORE_TESTS = "tests beside those of the shipped suite"
OTHER_WORDING = "requirements that are worded otherwise than they ship"
OTHER_PROFILE = "a profile that does not ship with the bench"
PLUGIN = "a pytest plugin took part that is neither the bench's nor installed"
CONFTEST = "a conftest.py from outside of the suite took part"
PART = "a part of another package took part"
ENVIRONMENT = "the environment gave pytest words of its own"
REFUSED = (NONE_SHIPPED, OTHER_TESTS, OTHER_WORDING, OTHER_PROFILE, PLUGIN, CONFTEST, ENVIRONMENT)
ABOUT_TESTS = (NONE_SHIPPED, OTHER_TESTS, MORE_TESTS, OTHER_WORDING)


@dataclass(frozen=True)
class Suite:
    """files: SHA-256 of each file of test code by family and name; wordings: of each requirement by id, "" where not known."""

    files: Mapping[str, str]
    wordings: Mapping[str, str]


def place(path: str | PurePath) -> str:
    """Family and name of a file of test code."""
    return "/".join(PurePath(path).parts[-2:])


def digest_of(path: Path) -> str:
    """SHA-256 of a file; "" where it cannot be read."""
    try:
        return hashlib.sha256(read_bytes(path, LARGEST)).hexdigest()
    except (OSError, ValueError):
        return ""


def shipped_suite() -> Suite:
    """That of this installation, as its files are now."""
    files = {place(path): digest_of(path) for path in sorted((TREE / CONFORMANCE).rglob("*.py"))}
    wordings = {path.stem: digest_of(path) for path in sorted((TREE / CONFORMANCE).glob("*/requirements/*.md"))}
    return Suite(files, wordings)


def sentences(files: Mapping[str, str], wordings: Mapping[str, str], shipped: Suite) -> list[str]:
    """How the tests and requirements of a run differ from the shipped ones, each as a deviation. files: SHA-256 by path."""
    there = {(place(path), digest) for path, digest in files.items()}
    own = {path: digest for path, digest in files.items() if shipped.files.get(place(path)) != digest}
    lacking = sorted(name for name, digest in shipped.files.items() if (name, digest) not in there)
    absent = sorted(shipped.wordings.keys() - wordings.keys())
    if len(absent) == len(shipped.wordings):
        return [
            f"{NONE_SHIPPED}, of which there are {len(absent)}: it has another suite: {_with_digests(own or files)}"
        ]
    found = []
    if lacking:
        whole = f"{len(lacking)} of {len(shipped.files)} test files are not there as they ship: {_few(lacking)}"
        found.append(f"{OTHER_TESTS}: {whole}" + (f"; it has {_with_digests(own)}" if own else ""))
    elif own:
        found.append(f"{MORE_TESTS}: {_with_digests(own)}")
    if absent:
        found.append(f"{OTHER_TESTS}: it lacks the requirements {_few(absent)}")
    other = [key for key, one in wordings.items() if shipped.wordings.get(key, "") not in ("", one)]
    return [*found, f"{OTHER_WORDING}: {_few(sorted(other))}"] if other else found


def _with_digests(files: Mapping[str, str]) -> str:
    return _few([f"{path}, SHA-256 {digest or 'not known'}" for path, digest in sorted(files.items())], "; ")


def _few(names: list[str], between: str = ", ") -> str:
    rest = len(names) - NAMED
    return between.join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def begins(text: str, with_one_of: Iterable[str]) -> bool:
    """Whether a deviation is of one of these kinds."""
    return text.startswith(tuple(with_one_of))
