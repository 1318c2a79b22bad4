"""Requirements and tests of a run against the list of its suite: the run's own copy, and the source tree at its commit."""

import ast
import hashlib
import io
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from v2g_bench import __version__
from v2g_bench.errors import BenchError
from v2g_bench.inputs.text import read_json
from v2g_bench.reports.model.files import SUITE
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.foreign import (
    ABOUT_TESTS,
    CONFORMANCE,
    TREE,
    Suite,
    begins,
    place,
    sentences,
    shipped_suite,
)
from v2g_bench.reports.model.run import Run
from v2g_bench.reports.verify.events import RECORDED


@dataclass
class Listed:
    """One requirement: the SHA-256 of its file ("": not known), and its tests, without parameters where those are not known."""

    sha256: str = ""
    tests: set[str] = field(default_factory=set)


def check_suite(folder: Path, run: Run, result: Verification) -> None:
    """Add to `result` each requirement and each test that one of the two has and the other has not."""
    if run.schema < RECORDED:
        result.impossible.append(f"tests against the suite's list: the run kept no {SUITE}")
    else:
        try:
            _compare(run, _own(folder), SUITE, result)
        except (BenchError, AttributeError, TypeError, LookupError) as error:
            result.wrong("suite", SUITE, f"cannot be read: {error}")
    _against_tree(folder, run, result)


def code_of_tests(folder: Path) -> dict[str, str] | None:
    """SHA-256 by path of the code of the run's tests, as the run kept them; None where it did not, as older ones."""
    try:
        files = read_json(folder / SUITE)["files"]
        return {str(path): str(digest) for path, digest in files.items()}
    except (BenchError, AttributeError, TypeError, LookupError):
        return None


def _own(folder: Path) -> dict[str, Listed]:
    stated = read_json(folder / SUITE)["requirements"]
    return {key: Listed(one["sha256"], set(one["tests"])) for key, one in stated.items()}


def _compare(run: Run, suite: Mapping[str, Listed], where: str, result: Verification, *, whole: bool = True) -> None:
    """whole: the list has the tests with their parameters."""
    there = {one.id: one for one in run.requirements}
    for key in sorted(suite.keys() - there.keys()):
        result.wrong("suite", key, f"stands in {where}, and not in results.json")
    for key, one in sorted(there.items()):
        if key not in suite:
            result.wrong("suite", key, f"stands in results.json, and not in {where}")
            continue
        if suite[key].sha256 not in ("", one.text_sha256):
            result.wrong("suite", key, f"has another wording than in {where}")
        tested = {test.nodeid for test in one.tests}
        known = {_name(nodeid, whole=whole) for nodeid in (*tested, *one.left_out)}
        for nodeid in sorted(suite[key].tests - known) if known or not one.not_applicable_reason else ():
            result.wrong(
                "suite", key, f"its test {nodeid} by {where} is neither among the tests nor among those left out"
            )
    tests = sum(len(one.tests) for one in suite.values())
    result.done.append(f"{len(there)} requirements and {tests} tests against {where}")


def _name(nodeid: str, *, whole: bool) -> str:
    return nodeid if whole else nodeid.partition("[")[0]


def _against_tree(folder: Path, run: Run, result: Verification) -> None:
    """Against the shipped suite as it was at the run's commit, where this is its source tree."""
    files = code_of_tests(folder)
    if files is None:
        result.notes.append(f"{SUITE} has no digests of the tests' code: it is not compared with the shipped suite's")
    if run.dirty:
        result.notes.append("the bench ran from a changed tree: its tests are not compared with those of its commit")
        return
    archive = _archive(run.commit)
    if archive is None:
        result.notes.append(
            f"commit {run.commit or 'unknown'} is not here: requirements and tests are not compared with it"
        )
        if files is not None:
            _against_here(files, run, result)
        return
    suite, where = _suite(archive), f"commit {run.commit[:12]}"
    if files is not None:
        wordings = {one.id: one.text_sha256 for one in run.requirements}
        shipped = Suite(_code(archive), {key: one.sha256 for key, one in suite.items()})
        for text in _unsaid(run, sentences(files, wordings, shipped)):
            result.wrong("suite", SUITE, f"is not what ships at {where}, and no deviation says so: {text}")
        result.done.append(f"{len(files)} files of test code against {where}")
    nodeids = {nodeid for one in run.requirements for nodeid in (*(t.nodeid for t in one.tests), *one.left_out)}
    families = {str(PurePosixPath(one).parent) for one in nodeids if one.startswith(f"{CONFORMANCE}/")}
    if not families:
        return
    for one in suite.values():  # a family of which nothing was collected has no tests in the results
        one.tests = {nodeid for nodeid in one.tests if str(PurePosixPath(nodeid).parent) in families}
    _compare(run, suite, where, result, whole=False)


def _against_here(files: Mapping[str, str], run: Run, result: Verification) -> None:
    """The code of the tests against the suite of this installation, where it is of the same version."""
    shipped = shipped_suite()
    if run.bench_version != __version__ or not shipped.files:
        result.notes.append(
            f"the tests' code is that of bench {run.bench_version}, which is not here: it is not compared"
        )
        return
    unsaid = _unsaid(run, sentences(files, shipped.wordings, shipped))
    result.impossible += [
        f"the tests' code against bench {__version__}: it differs from what is here: {text}" for text in unsaid
    ]
    if not unsaid:
        result.done.append(f"{len(files)} files of test code against the suite of bench {__version__} here")


def _unsaid(run: Run, due: Iterable[str]) -> list[str]:
    """Of the deviations that are due those of whose kind the run has none."""
    stated = [text for text in run.deviations if begins(text, ABOUT_TESTS)]
    kinds = [(text, next(kind for kind in ABOUT_TESTS if begins(text, [kind]))) for text in due]
    return [text for text, kind in kinds if not any(begins(one, [kind]) for one in stated)]


def _archive(commit: str) -> bytes | None:
    """The suite's files at this commit as a tar archive; None outside a source tree, or where it lacks the commit."""
    if not commit or not all(letter in "0123456789abcdef" for letter in commit) or not (TREE / ".git").exists():
        return None
    try:
        words = ["git", "archive", "--format=tar", commit, CONFORMANCE]
        done = subprocess.run(words, cwd=TREE, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout


def _suite(archive: bytes) -> dict[str, Listed]:
    found: dict[str, Listed] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            path = PurePosixPath(member.name)
            if path.suffix == ".md" and path.parent.name == "requirements":
                one = found.setdefault(path.stem, Listed())
                one.sha256 = "" if member.issym() else hashlib.sha256(_content(files, member)).hexdigest()
            elif path.suffix == ".py" and path.name.startswith("test_"):
                for name, key in _marked(_content(files, member)):
                    found.setdefault(key, Listed()).tests.add(f"{path}::{name}")
    return found


def _code(archive: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        code = [member for member in files if member.name.endswith(".py")]
        return {place(one.name): hashlib.sha256(_content(files, one)).hexdigest() for one in code}


def _content(files: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = files.extractfile(member)
    return opened.read() if opened is not None else b""


def _marked(source: bytes) -> list[tuple[str, str]]:
    """(test, requirement) of each `mark.req("ID")` in the decorators of a module's functions."""
    return [
        (function.name, call.args[0].value)
        for function in ast.parse(source).body
        if isinstance(function, ast.FunctionDef)
        for decorator in function.decorator_list
        for call in ast.walk(decorator)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "req"
        if call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    ]
