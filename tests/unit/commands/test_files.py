"""`v2g-bench files`: each folder is there."""

from pathlib import Path

import pytest

from v2g_bench.commands.files import FILES
from v2g_bench.commands.main import main


def test_each_is_listed_with_what_it_is(capsys):
    assert main(["files"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(FILES)


@pytest.mark.parametrize(
    ("what", "holds"),
    [("nightly", "nightly.sh"), ("suite", "sources.toml"), ("dbc", "v2g_bms_fd.dbc"), ("rigs", "sim.toml")],
)
def test_one_alone_is_a_path(what, holds, capsys):
    assert main(["files", what]) == 0
    assert (Path(capsys.readouterr().out.strip()) / holds).is_file()
