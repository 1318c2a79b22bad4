"""The sample run for the tests of the reports, with its waveforms in a folder of its own."""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typst

from v2g_bench.reports.model.run import Run
from v2g_bench.reports.sign.keys import fingerprint, new_key, open_signer
from v2g_bench.reports.sign.seal import seal
from v2g_bench.reports.write import write_report


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "compiled_anew: no document of another test in place of one made now")


def _beside(name: str) -> ModuleType:
    """A module of helpers beside this file; the folders of the tests are no packages."""
    spec = importlib.util.spec_from_file_location(f"reports_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def sample() -> ModuleType:
    return _beside("sample")


@pytest.fixture(scope="session")
def kept() -> ModuleType:
    return _beside("kept")


@pytest.fixture(scope="session")
def nights() -> ModuleType:
    return _beside("nights")


@pytest.fixture(scope="session")
def _whole(kept: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "run"
    write_report(kept.kept_run(path), path)
    return path


@pytest.fixture
def folder(_whole: Path, tmp_path: Path) -> Path:
    """A whole run folder whose verdicts can be recomputed; the test's own."""
    return shutil.copytree(_whole, tmp_path / "run")


@pytest.fixture(scope="session")
def _sealed(_whole: Path, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = shutil.copytree(_whole, tmp_path_factory.mktemp("sealed") / "run")
    seal(path, open_signer(str(key)))
    return path


@pytest.fixture
def sealed_folder(_sealed: Path, tmp_path: Path) -> Path:
    """As `folder`, sealed with `key`."""
    return shutil.copytree(_sealed, tmp_path / "run")


@pytest.fixture(scope="session")
def _compiled() -> dict[bytes, bytes]:
    return {}


@pytest.fixture(autouse=True)
def _compiled_once(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _compiled: dict[bytes, bytes]
) -> None:
    """Typst makes each document once for all tests: of the same words it makes the same bytes, as those tests show that
    are marked `compiled_anew`.
    """
    compile_ = typst.compile

    def compiled(template: bytes, **words: Any) -> bytes:
        words_of = hashlib.sha256(repr((template, sorted(words.items()))).encode()).digest()
        if words_of not in _compiled:
            _compiled[words_of] = compile_(template, **words)
        return _compiled[words_of]

    if not request.node.get_closest_marker("compiled_anew"):
        monkeypatch.setattr(typst, "compile", compiled)


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bench's key with its certificate."""
    path = tmp_path_factory.mktemp("key") / "bench.pem"
    new_key(path, "Bench 3")
    return path


@pytest.fixture(scope="session")
def laboratory(key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The list of a laboratory that has `key` alone."""
    path = tmp_path_factory.mktemp("laboratory") / "laboratory.toml"
    known = fingerprint(open_signer(str(key)).certificate)
    path.write_text(f'[[key]]\nname = "Bench 3"\nfingerprint = "{known}"\nsince = 2020-01-01\nuntil = 2099-12-31\n')
    return path


@pytest.fixture(autouse=True)
def _nobodys_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No list of a laboratory on this machine counts in a test."""
    monkeypatch.delenv("V2G_LABORATORY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "nobody"))


@pytest.fixture
def run(sample: ModuleType, tmp_path: Path) -> Run:
    """The sample run; its folder is tmp_path."""
    return sample.sample_run(tmp_path)


@pytest.fixture(scope="session")
def pdf_text(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], list[str]]:
    """The text of every page of a PDF, as pdftotext reads it."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is missing: apt-get install poppler-utils")

    def read(pdf: bytes) -> list[str]:
        path = tmp_path_factory.mktemp("pdf") / "report.pdf"
        path.write_bytes(pdf)
        done = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, check=True, timeout=60)
        pages = done.stdout.decode().split("\f")[:-1]
        assert pages, "the PDF has no pages"
        return pages

    return read
