"""Every exchange is in the file at once; a disk that refuses is told."""

import json
from pathlib import Path

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.parts.exchanges import Exchanges


def test_each_message_is_in_the_file_before_the_next(tmp_path):
    path = tmp_path / "exchanges.jsonl"
    exchanges = Exchanges(path)
    meter, inverter = exchanges.of("meters.ac_power"), exchanges.of("inverter")
    meter(1.0000004, ">", "*IDN?")
    assert json.loads(path.read_text()) == {"at_s": 1.0, "part": "meters.ac_power", "dir": ">", "text": "*IDN?"}
    inverter(2.5, "<", "000100")
    assert [json.loads(line)["part"] for line in path.read_text().splitlines()] == ["meters.ac_power", "inverter"]
    assert exchanges.lines == 2
    exchanges.close()
    exchanges.close()


def test_a_disk_that_refuses_is_told_by_check_and_close_and_not_to_the_part():
    exchanges = Exchanges(Path("/dev/full"))
    exchanges.of("inverter")(1.0, ">", "00")
    for reported in (exchanges.check, exchanges.close):
        with pytest.raises(BenchError, match="/dev/full: cannot be written: No space left on device"):
            reported()


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(BenchError, match="cannot be written"):
        Exchanges(tmp_path / "none" / "exchanges.jsonl")
