"""The folder of a calculation: written under another name and renamed when it is whole, so that nothing stays half."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from v2g_bench.errors import BenchError
from v2g_bench.life.appendix import validation
from v2g_bench.reports.model.modelled import HTML, PDF, RESULTS, Modelled, dumped, lists
from v2g_bench.reports.render.modelled import render_html, render_pdf


@contextmanager
def fresh(folder: Path) -> Iterator[Path]:
    """A folder that becomes `folder` when the block ends, and is removed where the block does not end well.

    BenchError where `folder` is there already, or the disk refuses.
    """
    if folder.exists():
        raise BenchError(str(folder), "is there already", "--out DIR, or remove it")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    except OSError as error:
        raise BenchError(str(folder), f"cannot be written: {error.strerror}") from error
    try:
        yield part
        part.chmod(0o755)
        part.rename(folder)
    except OSError as error:
        raise BenchError(str(folder), f"cannot be written: {error.strerror}", "is the disk full?") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)  # still there only if something went wrong, or somebody pressed Ctrl-C


def write(document: Modelled, part: Path, tell: Callable[[str], None] = lambda _: None) -> None:
    """Results, pages, manifest and sums into `part`, beside what lies there already; the appendix is every calculation's."""
    document = document.model_copy(update={"sections": (*document.sections, validation())})
    outputs = {RESULTS: dumped, HTML: render_html, PDF: render_pdf}
    for name, render in outputs.items():
        tell(name)
        (part / name).write_bytes(render(document))
    files = {path.name: (path.stat().st_size, _sha256(path)) for path in sorted(part.iterdir())}
    for name, content in lists(document, files):
        (part / name).write_bytes(content)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
