"""A run in one file: a ZIP archive, nothing compressed, that any program can open and `verify` reads as it is.

The same files give the same bytes: the names in order, below one folder with the run's name, no compression (what is
large in a run is compressed in itself), and the time of the run's begin for all. So a bundle is verified to its last
byte, those of the archive's own lists too: what it holds is packed again and must come out the same.
"""

import filecmp
import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from v2g_bench.errors import BenchError
from v2g_bench.inputs.files import require_regular
from v2g_bench.inputs.npz import DAMAGED
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.moment import moment_of
from v2g_bench.reports.model.run import load
from v2g_bench.reports.sign.laboratory import Laboratory
from v2g_bench.reports.verify.run_folder import check_files, verify
from v2g_bench.reports.verify.time_stamps import TimeStamps
from v2g_bench.reports.write import RESULTS

MOST_BYTES = 50_000_000_000  # a bundle that unpacks to more is refused


def bundle(folder: Path, path: Path) -> Path:
    """Pack the run in `folder` into `path`; BenchError if its files are not those of its manifest, or it is there."""
    wrong = check_files(folder).findings
    if wrong:
        raise BenchError(str(folder), "is not packed: " + "; ".join(map(str, wrong)), f"see: v2g-bench verify {folder}")
    if path.exists():
        raise BenchError(str(path), "is there already", "give another name with --out")
    if path.resolve().is_relative_to(folder.resolve()):
        raise BenchError(str(path), "lies in the run folder itself", "give a place outside it with --out")
    part = path.with_name(f".{path.name}.part")
    try:
        _pack(folder, part)
        part.replace(path)
    except OSError as error:
        raise BenchError(str(path), f"cannot be written: {error.strerror}", "is the disk full?") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def verify_bundle(
    path: Path,
    trusted: bytes | None = None,
    keys: Laboratory | None = None,
    log: str | None = None,
    stamps: TimeStamps | None = None,
) -> Verification:
    """`verify` of what a bundle holds, and of the bundle's own bytes. BenchError if it is none."""
    with tempfile.TemporaryDirectory(prefix="v2g-bundle-") as name:
        folder = _unpack(path, Path(name))
        result = verify(folder, trusted, keys, log, stamps)
        recomputed = Path(name) / "again.zip"
        try:
            _pack(folder, recomputed)
            same = filecmp.cmp(recomputed, path, shallow=False)
        except BenchError:
            same = False  # its results.json cannot be read: reported by verify
        if not same:
            what = "is not byte for byte what the bench packs; was it packed by another program? Then unpack it, and verify"
            result.wrong("bundle", path.name, f"{what} the folder")
        else:
            result.done.append(f"{path.name} to its last byte")
    return result


def _pack(folder: Path, path: Path) -> None:
    moment = moment_of(load(folder / RESULTS).started, f"{folder / RESULTS}: started")
    year = min(max(1980, moment.year), 2107)  # what ZIP can state
    timestamp = (year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for name in names:
            entry = zipfile.ZipInfo(f"{folder.name}/{name}", timestamp)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            entry.file_size = (folder / name).stat().st_size
            with (folder / name).open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, 1 << 20)


def _unpack(path: Path, into: Path) -> Path:
    """The run folder in the archive; every name is looked at before anything is written."""
    try:
        require_regular(path)
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = [PurePosixPath(entry.filename) for entry in entries]
            for name in names:
                if name.is_absolute() or ".." in name.parts or "\\" in str(name):
                    raise BenchError(str(path), f"holds a name that leads out of it: {name}")
            roots = {name.parts[0] for name in names if name.parts}
            if len(roots) != 1 or any(len(name.parts) < 2 for name in names):
                raise BenchError(str(path), "is no bundle of a run: it holds no single folder")
            if sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise BenchError(str(path), f"unpacks to more than {MOST_BYTES:,} bytes")
            archive.extractall(into)
    except OSError as error:
        raise BenchError(str(path), f"cannot be unpacked: {error.strerror or error}") from error
    except DAMAGED as error:
        raise BenchError(str(path), f"is no bundle, or a damaged one: {str(error) or type(error).__name__}") from error
    return into / roots.pop()
