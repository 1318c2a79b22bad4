"""What is in a run folder, as `verify`, `report`, `history` and `export` read it: whoever has the folder has written it."""

import importlib.util
import io
import random
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import ModuleType

from engine import Target
from mutation import mutated, mutated_json, mutated_npz

from v2g_bench.can.blf import read_blf
from v2g_bench.can.export import database_of
from v2g_bench.reports.history.index import History
from v2g_bench.reports.model.account import load_accounts
from v2g_bench.reports.model.chain import read_chain
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.record import load_record
from v2g_bench.reports.model.run import load
from v2g_bench.reports.render.defects import seeded_defects
from v2g_bench.reports.render.proof import _matrix
from v2g_bench.reports.sign.seal import sealed_by
from v2g_bench.reports.verify.bundle import bundle, verify_bundle
from v2g_bench.reports.verify.chain import check_chain
from v2g_bench.reports.verify.events import events
from v2g_bench.reports.verify.recheck import recheck
from v2g_bench.reports.verify.run_folder import check_files, verify
from v2g_bench.reports.verify.waveform_file import WaveformFile
from v2g_bench.reports.write import write_report

UNIT = Path(__file__).parents[1] / "unit/reports"
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_NAMES = ("whole/../../x", "/etc/x", "x", "whole/" + "a" * 300, "whole/a/", "./x", "whole\\x", "whole/\x1b[2J", "whole")
MATRIX = (
    b'{"rig": "sim", "date": "2026-11-30", "seed": 1, "trials": 5, "made_by": "b", "defects": [{"name": "d", '
    b'"kind": "controller", "check": "SAF-01", "outcome": "killed", "tested": {"SAF-01": "FAIL"}, "said": "x"}]}'
)
ACCOUNT = (
    b'{"test": "t", "measurement": "m", "waveform": "", "t0_s": 1.0, "until_s": 2.0, "frame": "", "values": [["a", "1", '
    b'"2"]], "moments": [{"at_s": 1.0, "by": "bench", "text": "x", "until_s": null}]}'
)


@cache
def _kept() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_kept", UNIT / "kept.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def _whole(path: Path) -> Path:
    """A whole run folder with its report; not to be changed."""
    path.mkdir()
    kept = _kept()
    run = kept.chained(kept.kept_run(path), path)
    write_report(run, path)
    return path


def _run_in(folder: Path) -> Path:
    return _whole(folder.parent / "whole")


def _seed(*names: str) -> Callable[[Path], list[bytes]]:
    return lambda folder: [(_run_in(folder) / name).read_bytes() for name in names]


def _of(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    def take(data: bytes, folder: Path) -> object:
        (path := folder / name).write_bytes(data)
        return read(path)

    return take


def _in_run(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    """Fed as that file of a run folder which is whole otherwise."""

    def take(data: bytes, folder: Path) -> object:
        run = folder / "run"
        if not run.exists():
            shutil.copytree(folder.parent / "whole", run)
        (run / name).write_bytes(data)
        return read(run)

    return take


def _checked(folder: Path) -> None:
    """All that compares records with each other; the outputs, which take a second each, are left out."""
    run, result = load(folder / "results.json"), Verification()
    check_files(folder)
    check_chain(folder, run, result, "chain 0123456789abcdef record 1 sha256 " + "a1" * 32)
    recheck(folder, run, result)


def _history(path: Path) -> None:
    (folder := path.parent / "runs/one").mkdir(parents=True, exist_ok=True)
    path.replace(folder / "results.json")
    with History(folder.parent) as history:
        history.refresh()
        history.problems()
        for rig in history.rigs():
            history.runs(rig)
            list(history.series(rig))


def _events(path: Path) -> None:
    read_chain(path.read_bytes())
    list(events(path.parent, "trial"))


def _matrices(path: Path) -> None:
    seeded_defects(path.parent, [])
    _matrix(path.parent, "sim")


def _accounts(path: Path) -> None:
    (folder := path.parent / "evidence").mkdir(exist_ok=True)
    path.replace(folder / path.name)
    load_accounts(path.parent, [])


def _npz(path: Path) -> None:
    load_record(path.parent, path.name)
    file = WaveformFile.load(path.parent, path.name)
    file.waveform()
    file.mark("t0_s")


def _marks(path: Path) -> None:
    WaveformFile.load(path.parent, path.name).evidence()


def _old_marks(folder: Path) -> list[bytes]:
    (path := folder / "old").mkdir()
    _kept().kept_run(path, schema=2)
    return [(path / "waveforms/0001.npz").read_bytes()]


def _bundle(folder: Path) -> bytes:
    return bundle(_run_in(folder), folder / "run.zip").read_bytes()


def mutated_bundle(rng: random.Random, data: bytes) -> bytes:
    """A bundle whose entries are packed in another way, and which is damaged."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w", rng.choice(_PACKED)) as small:
        for name in archive.namelist():
            if name.endswith((".md", ".json")):
                small.writestr(name if rng.random() < 0.97 else rng.choice(_NAMES), archive.read(name)[:300])
    return mutated(rng, out.getvalue())


def _roles(path: Path) -> None:
    (folder := path.parent / "database").mkdir(exist_ok=True)
    path.replace(folder / "roles.json")
    shutil.copyfile(path.parent.parent / "whole/database/bus.dbc", folder / "bus.dbc")
    database_of(path.parent)


def targets() -> Iterable[Target]:
    """Each file of a run folder, and a run folder in one file."""
    results = _seed("results.json")
    yield Target("results", _of("results.json", load), results, mutated_json)
    yield Target("results_bytes", _of("results.json", load), results, mutated)
    yield Target("verify_results", _in_run("results.json", _checked), results, mutated_json)
    yield Target("verify", _in_run("results.json", verify), results, mutated_json)
    yield Target("manifest", _in_run("manifest.json", check_files), _seed("manifest.json"), mutated_json)
    yield Target("verify_manifest", _in_run("manifest.json", verify), _seed("manifest.json"), mutated_json)
    yield Target("events", _of("events.jsonl", _events), _seed("events.jsonl"))
    yield Target("verify_events", _in_run("events.jsonl", _checked), _seed("events.jsonl"))
    yield Target("suite", _in_run("suite.json", _checked), _seed("suite.json"), mutated_json)
    yield Target("history", _of("results.json", _history), results, mutated_json)
    yield Target("matrix", _of("defects-sim.json", _matrices), lambda _: [MATRIX], mutated_json)
    yield Target("account", _of("around-0001.json", _accounts), lambda _: [ACCOUNT], mutated_json)
    yield Target(
        "seal",
        _of("seal.json", lambda path: sealed_by(path.parent)),
        lambda _: [b'{"certificates": ["x"]}'],
        mutated_json,
    )
    yield Target("waveform", _of("w.npz", _npz), _seed("waveforms/0001.npz"), mutated_npz)
    yield Target("marks", _of("w.npz", _marks), _old_marks, mutated_npz)
    yield Target("bundle", _of("run.zip", verify_bundle), lambda folder: [_bundle(folder)], mutated_bundle)
    yield Target("blf", _of("main.blf", lambda path: list(read_blf(path))), _seed("main.blf"))
    yield Target("roles_json", _of("r.json", _roles), _seed("database/roles.json"), mutated_json)
