import pytest

from v2g_bench.commands.defects import process
from v2g_bench.commands.defects.process import run

BOUND_S = 60.0


@pytest.fixture(autouse=True)
def nothing_preloaded(monkeypatch):
    """What is imported before is no part of what is done."""
    monkeypatch.setattr(process, "PRELOADED", [])


@pytest.fixture
def pytest_of(tmp_path):
    """The command line that runs this test text."""

    def made(text):
        path = tmp_path / "test_it.py"
        path.write_text(text, "utf-8")
        return [
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
            "-c",
            str(tmp_path / "none.ini"),
            str(path),
        ]

    (tmp_path / "none.ini").write_text("[pytest]\n", "utf-8")
    return made


def test_a_command_gives_the_same_cold_and_warm(tmp_path):
    words = ["v2g-bench", "verify", str(tmp_path / "nothing here")]
    cold, warm = (run(words, {}, tmp_path, BOUND_S, warm=warm) for warm in (False, True))
    assert cold.status == 2
    assert "nothing here" in cold.output
    assert warm == cold


def test_the_environment_is_its_own(tmp_path, pytest_of, monkeypatch):
    monkeypatch.setenv("FROM_HERE", "kept")
    text = "import os\ndef test_it():\n    assert (os.environ['SEEDED'], os.environ['FROM_HERE']) == ('x', 'kept')\n"
    assert run(pytest_of(text), {"SEEDED": "x"}, tmp_path, BOUND_S, warm=True).status == 0
    done = run(pytest_of(text), {"SEEDED": "y"}, tmp_path, BOUND_S, warm=True)
    assert done.status == 1
    assert "1 failed" in done.output


@pytest.mark.parametrize("warm", [False, True])
def test_one_that_does_not_end_is_ended(tmp_path, pytest_of, warm):
    endless = pytest_of("import threading\ndef test_it():\n    threading.Event().wait(600)\n")
    assert run(endless, {}, tmp_path, 0.2, warm=warm).status is None


def test_what_a_program_raises_is_told(tmp_path):
    done = run(["v2g-bench", "campaign", "shutdown", "--workers", "none"], {}, tmp_path, BOUND_S, warm=True)
    assert done.status == 2
    assert "not a whole number" in done.output
