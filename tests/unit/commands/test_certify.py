"""`v2g-bench certify`: the words that pytest gets, whatever the folder is where it is called."""

import os

import pytest

from v2g_bench.commands import certify
from v2g_bench.commands.certify import pytest_words
from v2g_bench.commands.main import main
from v2g_bench.errors import BenchError
from v2g_bench.fixtures.suite import INI, PROJECT, SUITE

BEFORE = ["-c", str(INI), f"--rootdir={PROJECT}"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    (tmp_path / "my_tests").mkdir()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], [str(SUITE)]),
        (["--rig=my.toml", "--req=SAF-01"], ["--rig=my.toml", "--req=SAF-01", str(SUITE)]),
        (["--rig", "my.toml", "--req", "SAF-01"], ["--rig=my.toml", "--req=SAF-01", str(SUITE)]),
        (["--rig", "sim", "-k", "my_tests"], ["--rig=sim", "-k", "my_tests", str(SUITE)]),
        (["--rig=sim", "my_tests"], ["--rig=sim", "my_tests"]),
        (["tests/conformance/limits"], [str(SUITE / "limits")]),
        (["-x", "tests/conformance/a.py::test_b[1-2]"], ["-x", "tests/conformance/a.py::test_b[1-2]"]),
        (
            ["tests/conformance/limits/test_power.py::test_b[x]"],
            [f"{SUITE / 'limits/test_power.py'}::test_b[x]"],
        ),
    ],
)
def test_the_words_of_pytest(words, expected):
    assert pytest_words(words) == [*BEFORE, *expected]


def test_it_becomes_pytest_and_takes_no_module_of_this_folder(monkeypatch):
    became, given = [], []
    monkeypatch.setattr(
        os, "execve", lambda program, words, environment: became.append(words[1:]) or given.append(environment)
    )
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONPATH"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("V2G_KEPT", "y")
    with pytest.raises(TypeError):  # nothing comes back from what replaces the process
        main(["certify", "--rig=sim", "-v"])
    assert became == [["-P", "-m", "pytest", *BEFORE, "--rig=sim", "-v", str(SUITE)]]
    assert not {"PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONPATH"} & given[0].keys()
    assert given[0]["V2G_KEPT"] == "y"


@pytest.mark.parametrize("words", [["-p", "swapdir"], ["-pswapdir"], ["-x", "-p", " swapdir"]])
def test_no_plugin_is_taken_and_one_may_be_taken_away(words):
    with pytest.raises(BenchError, match="takes no plugin"):
        pytest_words(words)
    assert pytest_words(["-p", "no:randomly"]) == [*BEFORE, "-p", "no:randomly", str(SUITE)]


def test_help_is_its_own(capsys):
    assert main(["certify", "--rig=sim", "--help"]) == 0
    assert "--req=ID" in capsys.readouterr().out


def test_an_installation_without_the_suite_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(certify, "SUITE", tmp_path / "nowhere")
    assert main(["certify"]) == 2
    with pytest.raises(BenchError, match="has no suite"):
        certify.run(type("Options", (), {"words": []}))
