"""Writes a run's outputs into its folder: results.json, junit.xml, report.html, report.pdf, manifest.json, SHA256SUMS.

What the run wrote before (waveforms, captures, logs) is the evidence: it is hashed first, and the report lists it. The
manifest holds the digest of every file; SHA256SUMS lets `sha256sum -c SHA256SUMS` check the folder without this bench.
Call it last, when nothing is written to the folder any more.
"""

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from v2g_bench.errors import BenchError
from v2g_bench.reports.model.files import write_atomic
from v2g_bench.reports.model.run import Run, dumps
from v2g_bench.reports.render.html import render_html
from v2g_bench.reports.render.junit import render_junit
from v2g_bench.reports.render.pdf import render_pdf
from v2g_bench.reports.render.statements import report_id
from v2g_bench.reports.render.view import View, view

RESULTS, JUNIT, HTML, PDF = "results.json", "junit.xml", "report.html", "report.pdf"
MANIFEST, SUMS, SEAL = "manifest.json", "SHA256SUMS", "seal.json"
OUTPUTS = {RESULTS: "results", JUNIT: "results", HTML: "report", PDF: "report"}
Entry = dict[str, str | int]
_ROLES = {
    **{".npz": "waveform", ".blf": "capture", ".mf4": "capture", ".parquet": "capture", ".pcapng": "capture"},
    **{".log": "log", ".toml": "rig", ".dbc": "database", ".jsonl": "events"},
}
_ROOMS = {
    **{"requirements": "requirement", "calibration": "calibration", "qualification": "qualification"},
    **{"database": "database", "inverter": "registers", "editions": "edition"},
}


def write_report(run: Run, folder: Path) -> dict[str, Path]:
    """Write every output of `run` into `folder` and return their paths by name.

    One output that fails does not keep the others from being written; BenchError at the end names all that failed, and
    every waveform that the results name but the folder does not hold. An output that failed is not left from before,
    but for the results: they come last, and stay as they were where another output failed, so that results which say
    "complete" are only ever those of a whole report.
    """
    problems: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        evidence = _evidence(folder)
    except OSError as error:
        raise BenchError(str(folder), f"the run folder cannot be used: {error.strerror}") from error
    outputs, lost = renderers(run, folder, evidence)
    problems += lost
    for name in (SEAL, MANIFEST, SUMS):
        (folder / name).unlink(missing_ok=True)
    results, before = outputs.pop(RESULTS), len(problems)
    written = {name: folder / name for name, render in outputs.items() if _write(folder / name, render, problems)}
    if len(problems) == before and _write(folder / RESULTS, results, problems, keep=True):
        written[RESULTS] = folder / RESULTS
    entries = evidence + [entry_of(path, name, OUTPUTS[name]) for name, path in written.items()]
    for name, content in lists(run, entries, problems):
        if _write(folder / name, partial(bytes, content), problems):
            written[name] = folder / name
    if problems:
        output = "\n  ".join(["the report is not whole:", *problems])
        raise BenchError(str(folder), output, "the rest was written")
    return written


def renderers(run: Run, folder: Path, evidence: list[Entry]) -> tuple[dict[str, Callable[[], bytes]], list[str]]:
    """What makes each output of `run`, and one line for every waveform that is lost. evidence: what the report lists."""
    shown, lost = view(run, folder, [_listed(entry) for entry in evidence])
    return {
        RESULTS: lambda: dumps(run),
        JUNIT: lambda: render_junit(run),
        HTML: lambda: render_html(shown, folder),
        PDF: lambda: render_pdf(run, shown, evidence),
    }, lost


def _write(path: Path, render: Callable[[], bytes], problems: list[str], keep: bool = False) -> bool:
    """Render and write one output. A fault in one must not cost the others, so every error is caught and reported."""
    try:
        if not keep:
            path.unlink(missing_ok=True)
        write_atomic(path, render())
    except BenchError as error:
        problems.append(str(error).replace("\n", " "))
    except Exception as error:  # noqa: BLE001  the report of a long run must not be lost to a fault in one of its forms
        problems.append(f"{path}: {type(error).__name__}: {error}")
    else:
        return True
    return False


def _evidence(folder: Path) -> list[Entry]:
    """Digest, size and role of every regular file that was here before the report; links are not followed."""
    own = {*OUTPUTS, MANIFEST, SUMS, SEAL}
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name in own or path.is_symlink() or not path.is_file() or path.name.endswith(".part"):
            continue
        role = _ROOMS.get(name.split("/")[0]) or _ROLES.get(path.suffix.lower(), "evidence")
        found.append(entry_of(path, name, role))
    return found


def entry_of(path: Path, name: str, role: str) -> Entry:
    """The manifest's entry of one file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": name, "role": role, "size": path.stat().st_size, "sha256": digest}


def _listed(entry: Entry) -> View:
    return {"path": entry["path"], "size": f"{entry['size']:,}".replace(",", " "), "sha256": entry["sha256"]}


def lists(run: Run, entries: list[Entry], problems: list[str]) -> list[tuple[str, bytes]]:
    """manifest.json and SHA256SUMS for these files. problems: what the report could not show."""
    manifest = {
        "schema": 1,
        "report": report_id(run),
        "verdict": run.verdict,
        "complete": run.complete,
        "evidence": run.evidence,
        "clock": run.clock,
        "started": run.started,
        "problems": problems,
        "files": sorted(entries, key=lambda entry: str(entry["path"])),
    }
    content = (json.dumps(manifest, indent=1, ensure_ascii=True) + "\n").encode()
    sums = {str(entry["path"]): str(entry["sha256"]) for entry in entries}
    sums[MANIFEST] = hashlib.sha256(content).hexdigest()
    lines = [_sum_line(digest, name) for name, digest in sorted(sums.items())]
    return [(MANIFEST, content), (SUMS, "".join(lines).encode("utf-8", "surrogateescape"))]


def _sum_line(digest: str, name: str) -> str:
    """A line as `sha256sum` writes it, which marks a name with a backslash or line feed by a leading backslash."""
    safe = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if safe != name else ""
    return f"{mark}{digest}  {safe}\n"
