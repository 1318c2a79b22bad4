"""Verifies the folder of a calculation: every file against the manifest, the lists, and the pages against results.json."""

from pathlib import Path

from v2g_bench.errors import BenchError
from v2g_bench.inputs.folder import require_plain
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.modelled import HTML, MANIFEST, MARK, PDF, RESULTS, SUMS, dumped, lists, load
from v2g_bench.reports.render.modelled import render_html, render_pdf
from v2g_bench.reports.verify.run_folder import _manifest, check_files


def verify_modelled(folder: Path) -> Verification:
    """Everything that does not fit in the folder of a calculation."""
    require_plain(folder)
    result = check_files(folder)
    result.notes.append(MARK)
    try:
        document = load(folder)
    except BenchError as error:
        result.wrong("changed", RESULTS, str(error))
        return result
    if (folder / RESULTS).read_bytes() != dumped(document):
        result.wrong("rebuild", RESULTS, "is not written as the bench writes it")
    for name, render in ((HTML, render_html), (PDF, render_pdf)):
        if (folder / name).is_file() and (folder / name).read_bytes() != render(document):
            result.wrong("rebuild", name, "is not what results.json makes of it")
    if (manifest := _manifest(folder, Verification())) is None:
        return result
    listed = {str(entry["path"]): (int(entry["size"]), str(entry["sha256"])) for entry in manifest["files"]}
    for name in sorted({RESULTS, HTML, PDF} - set(listed)):
        result.wrong("missing", name, "the manifest does not list it")
    for name, content in lists(document, listed):
        if not (folder / name).is_file() or (folder / name).read_bytes() != content:
            result.wrong("lists", name, "is not what results.json and the files make of it")
    result.done.append(f"{HTML} and {PDF} against {RESULTS}; {MANIFEST} and {SUMS}")
    result.notes.append(f"{document.verdict}: {document.sentence}")
    return result
