"""Verifies a run folder without the rig: hashes, outputs, verdicts, seal.

1. every file of the manifest is there with its size and SHA-256, and no other file is; manifest.json and SHA256SUMS
   are byte for byte what the files and results.json make of them;
2. report.pdf, report.html and junit.xml are byte for byte what results.json makes of them (a signed PDF begins so);
3. results.json is held against each other record of the run, one kind of comparison after the other (`CHECKS`); the last of
   them recomputes every verdict, from the waveforms, the raw readings, the capture and the log where the run kept them,
   else from the figures that results.json states (`recheck`, `rejudge`);
4. results and files are what the run chained, record by record, while it went on (`chain`);
5. the seal's signatures fit (`seal`).

Whoever can write the folder can forge it whole, unless it is sealed and the reader knows the key.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from v2g_bench import __version__
from v2g_bench.errors import BenchError
from v2g_bench.inputs.files import read_bytes
from v2g_bench.inputs.folder import HINT, odd_entries, require_plain
from v2g_bench.inputs.models import Checked, validated
from v2g_bench.inputs.ranges import Count
from v2g_bench.inputs.text import LARGEST, json_of
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.run import Run, load
from v2g_bench.reports.model.versions import SCHEMA
from v2g_bench.reports.render.scope import partial, verdict_sentence
from v2g_bench.reports.sign.laboratory import Laboratory
from v2g_bench.reports.sign.seal import check_seal
from v2g_bench.reports.verify.chain import check_chain
from v2g_bench.reports.verify.demand import check_demand
from v2g_bench.reports.verify.limits import check_limits
from v2g_bench.reports.verify.provenance import check_provenance
from v2g_bench.reports.verify.qualification import check_qualification
from v2g_bench.reports.verify.recheck import recheck
from v2g_bench.reports.verify.records import check_records
from v2g_bench.reports.verify.rig_copy import check_rig
from v2g_bench.reports.verify.suite import check_suite
from v2g_bench.reports.verify.time_stamps import TimeStamps, check_time_stamps
from v2g_bench.reports.verify.waveforms import check_waveforms
from v2g_bench.reports.write import (
    HTML,
    JUNIT,
    MANIFEST,
    OUTPUTS,
    PDF,
    RESULTS,
    SEAL,
    SUMS,
    Entry,
    lists,
    renderers,
    write_report,
)


class _Entry(Checked):
    path: str
    role: str
    size: Count
    sha256: str


class _Manifest(Checked):
    """What is read of it here; that the rest is as it was written shows when it is written again."""

    model_config = ConfigDict(extra="allow")
    files: list[_Entry]
    problems: tuple[str, ...] = ()


Check = Callable[[Path, Run, Verification], None]


def check_wording(folder: Path, run: Run, result: Verification) -> None:
    """The requirements' files, where the run kept them, against the digest that its results state."""
    kept = [(one, folder / "requirements" / f"{one.id}.md") for one in run.requirements]
    there = [(one, path) for one, path in kept if path.is_file()]
    for one, path in there:
        if hashlib.sha256(path.read_bytes()).hexdigest() != one.text_sha256:
            result.wrong("wording", f"requirements/{path.name}", "is not the text that results.json says was verified")
    if there:
        result.done.append(f"{len(there)} requirements against the digest of their wording")


CHECKS: tuple[Check, ...] = (
    check_wording,
    check_limits,
    check_suite,
    check_demand,
    check_rig,
    check_qualification,
    check_provenance,
    check_records,
    check_waveforms,
    recheck,
)


def verify(
    folder: Path,
    trusted: bytes | None = None,
    keys: Laboratory | None = None,
    log: str | None = None,
    stamps: TimeStamps | None = None,
) -> Verification:
    """Everything that does not fit in a run folder.

    trusted: PEM of the key or certificate that must have sealed it; keys: the laboratory's list, by which it is judged where
    no such PEM is given; log: a text in which the run has published the heads of its chain; stamps: the time stamps of
    these heads. BenchError if the folder cannot be read at all.
    """
    result = Verification()
    if not folder.is_dir():
        raise BenchError(str(folder), "is no run folder", "give the folder that a run has written")
    if _odd(folder, result):
        return result
    manifest = _manifest(folder, result)
    if manifest is not None:
        _hashes(folder, manifest, result)
    try:
        run = load(folder / RESULTS)
    except BenchError as error:
        result.wrong("changed", RESULTS, str(error))
        return result
    check_chain(folder, run, result, log)
    if stamps is not None:
        check_time_stamps(folder, run, result, stamps)
    elif log is not None:
        result.notes.append("no time stamps of its heads were given")
    if manifest is None:  # the run was killed: there is no report yet, and what there is can be held against the chain
        recheck(folder, run, result)
        return result
    _lists(folder, run, manifest, result)
    _outputs(folder, run, manifest, result)
    for check in CHECKS:
        _guarded(check, folder, run, result)
    check_seal(folder, run, result, trusted, keys)
    if partial(run):
        result.notes.append(verdict_sentence(run))
    result.notes += [f"deviation: {text}" for text in run.deviations] if run.profile else []
    if not run.complete:
        result.notes.append(f"the run is incomplete: {run.incomplete_reason}")
    return result


def _guarded(check: Check, folder: Path, run: Run, result: Verification) -> None:
    """A check that a damaged folder breaks has found something."""
    try:
        check(folder, run, result)
    except Exception as error:  # noqa: BLE001  (damaged files make their readers fail in ways of their own)
        name = check.__name__.removeprefix("check_")
        result.wrong("broken", name, f"cannot be checked: {type(error).__name__} {error}")


def check_files(folder: Path) -> Verification:
    """The files against the manifest alone: what is missing, changed or extra."""
    result = Verification()
    if not folder.is_dir():
        raise BenchError(str(folder), "is no run folder", "give the folder that a run has written")
    manifest = None if _odd(folder, result) else _manifest(folder, result)
    if manifest is not None:
        _hashes(folder, manifest, result)
    return result


def _odd(folder: Path, result: Verification) -> bool:
    """Whether anything there would hold up or exhaust whoever opens it: then nothing is opened."""
    for name, what in odd_entries(folder):
        result.wrong("odd", name, f"{what}; {HINT}; nothing was checked")
    return not result.ok


def rebuild(folder: Path, out: Path | None = None) -> dict[str, str]:
    """Reproduce the outputs of a run folder from its results.json, into `out` or in place.

    Gives for each output "as it was", "signed" (as it was, with a signature after it) or "written". BenchError if the
    folder is sealed and something would change in place. A run that was killed before it had a report gets one.
    """
    require_plain(folder)
    run = load(folder / RESULTS)
    if not (folder / MANIFEST).exists() and out is None:  # the run was killed: its report states incomplete
        return dict.fromkeys(write_report(run, folder), "written")
    manifest = _manifest(folder, found := Verification())
    if manifest is None:
        raise BenchError(str(folder), str(found.findings[0]))
    done = {}
    makers, _ = renderers(run, folder, _evidence(manifest))
    for name, make in makers.items():
        content, path = make(), folder / name
        there = path.read_bytes() if path.is_file() else b""
        if there == content:
            done[name] = "as it was"
        elif name == PDF and there.startswith(content + b"\n"):
            done[name] = "signed"
        else:
            done[name] = "written"
            if out is None and (folder / SEAL).exists():
                raise BenchError(str(path), "differs from its rebuild, and the run is sealed", "rebuild with --out DIR")
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(content)
        elif done[name] == "written":
            path.write_bytes(content)
    return done


def _manifest(folder: Path, result: Verification) -> dict[str, Any] | None:
    try:
        manifest = json_of(read_bytes(folder / MANIFEST, LARGEST), MANIFEST)
        return validated(_Manifest, manifest, MANIFEST).model_dump()
    except OSError as error:
        result.wrong("missing", MANIFEST, f"cannot be read: {error.strerror}; was the run killed?")
    except BenchError as error:
        result.wrong("changed", error.where, f"is no manifest: {error.what}")
    return None


def _hashes(folder: Path, manifest: dict[str, Any], result: Verification) -> None:
    listed = {str(entry["path"]): entry for entry in manifest["files"]}
    for name, entry in listed.items():
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts or not _regular(path):
            result.wrong("missing", name, "the manifest lists it, and it is not here")
            continue
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if (path.stat().st_size, digest) != (entry["size"], entry["sha256"]):
            result.wrong(
                "changed", name, f"has {path.stat().st_size} bytes and SHA-256 {digest[:16]}…, not the manifest's"
            )
    known = {*listed, MANIFEST, SUMS, SEAL}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name not in known and (path.is_symlink() or not path.is_dir()):
            result.wrong("extra", name, "is not in the manifest")
    result.done.append(f"{len(listed)} files against their SHA-256")


def _regular(path: Path) -> bool:
    """Whether it is a file here, and no link to one; False for a name that no file can have."""
    try:
        return path.is_file() and not path.is_symlink()
    except OSError:
        return False


def _lists(folder: Path, run: Run, manifest: dict[str, Any], result: Verification) -> None:
    """The two lists must be what this run and these entries make: no byte of them is without meaning."""
    for name, content in lists(run, manifest["files"], list(manifest["problems"])):
        there = (folder / name).read_bytes() if (folder / name).is_file() else None
        if there is None:
            result.wrong("missing", name, "is not here")
        elif there != content:
            result.wrong("lists", name, "is not what results.json and the files make of it")
    if manifest["problems"]:
        result.notes.append(f"the report was written with problems: {'; '.join(manifest['problems'])}")


def _evidence(manifest: dict[str, Any]) -> list[Entry]:
    return [entry for entry in manifest["files"] if entry["path"] not in OUTPUTS]


def _outputs(folder: Path, run: Run, manifest: dict[str, Any], result: Verification) -> None:
    here = f"written by bench {run.bench_version}, rebuilt by {__version__}"
    makers, _ = renderers(run, folder, _evidence(manifest))
    older = run.schema != SCHEMA
    for name in (RESULTS,) if older else (RESULTS, JUNIT, HTML, PDF):
        path = folder / name
        if not path.is_file():
            continue  # found as missing before
        there = path.read_bytes()
        try:
            content = makers[name]()
        except BenchError as error:
            result.wrong("rebuild", name, str(error))
            continue
        signed = name == PDF and (folder / SEAL).is_file() and there.startswith(content + b"\n")
        if there != content and not signed:
            result.wrong("rebuild", name, f"is not what results.json makes of it ({here})")
    if older:
        result.notes.append(
            f"results of version {run.schema}: report.pdf, report.html and junit.xml were laid out by an older bench, and "
            "are held against the manifest alone"
        )
        return
    result.done.append("report.pdf, report.html and junit.xml against results.json")
