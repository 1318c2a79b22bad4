"""What is in a capture is in its MF4 and its Parquet, bit by bit; a capture that was cut short gives what it has."""

import importlib
import json
import shutil

import can.io.mf4
import numpy as np
import pytest
from pyarrow import parquet

from v2g_bench.can import export
from v2g_bench.can.blf import BlfFile, read_blf
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.export import export_run
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError

START_S = 1_795_406_013.0


@pytest.fixture(scope="module")
def db():
    return BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))


def frames(db):
    """Every kind of frame, the third of the database's with a wrong checksum."""
    found = []
    for number in range(4):
        hot = {"cell_temperature_max": 25.0 + number, "string_voltage_difference": 0.012}
        found.append(db.encode("BMS_Safety", hot, number))
    found[2].data[5] ^= 0xFF
    found.append(can.Message(arbitration_id=0x7FF, is_extended_id=False, data=b"abc", is_rx=False))
    found.append(can.Message(arbitration_id=0x1ABCDEF, is_extended_id=True, data=bytes(range(64)), is_fd=True))
    found.append(can.Message(arbitration_id=0x10, is_extended_id=False, is_remote_frame=True, dlc=4))
    found.append(can.Message(arbitration_id=0x40, is_extended_id=False, is_error_frame=True, data=bytes(8)))
    for number, message in enumerate(found):
        message.timestamp = START_S + 0.01 * number
    return found


@pytest.fixture
def run(tmp_path, db):
    """A run folder with a capture and its database."""
    with can.BLFWriter(tmp_path / "main.blf") as writer:
        for message in frames(db):
            writer.on_message_received(message)
    (tmp_path / "database").mkdir()
    shutil.copyfile(dbc_path("v2g_bms_fd"), tmp_path / "database" / "bus.dbc")
    (tmp_path / "database" / "roles.json").write_text(json.dumps(read_roles(roles_path("v2g_bms_fd"))))
    return tmp_path


def same(one, other):
    fields = [
        "arbitration_id",
        "is_extended_id",
        "is_fd",
        "is_remote_frame",
        "is_error_frame",
        "dlc",
        "bitrate_switch",
        "is_rx",
        "data",
    ]
    assert [getattr(one, field) for field in fields] == [getattr(other, field) for field in fields]
    assert one.timestamp == pytest.approx(other.timestamp, abs=1e-6)


def test_every_frame_is_in_the_mf4_as_another_reader_sees_it(run, db):
    assert export_run(run) == [run / "main.mf4", run / "main.parquet"]
    reader = importlib.reload(can.io.mf4).MF4Reader  # the bench imports python-can without asammdf
    read = sorted(reader(run / "main.mf4"), key=lambda message: message.timestamp)
    expected = frames(db)
    assert len(read) == len(expected)
    for one, other in zip(read, expected, strict=True):
        if not one.is_error_frame:  # python-can's BLF keeps neither identifier nor data of an error frame
            same(one, other)
        assert one.is_error_frame == other.is_error_frame


def test_the_parquet_has_every_value_in_its_unit_and_says_which_are_sound(run):
    export_run(run)
    rows = parquet.read_table(run / "main.parquet").to_pylist()
    hot = [row for row in rows if row["role"] == "cell_temperature_max"]
    assert [row["sound"] for row in hot] == [True, True, False, True]
    assert [row["value"] for row in hot if row["sound"]] == [25.0, 26.0, 28.0]
    assert {row["unit"] for row in hot} == {"degC"}
    assert [row["stamp_s"] for row in hot] == pytest.approx([START_S + 0.01 * n for n in range(4)], abs=1e-6)
    assert {row["role"] for row in rows} >= {"string_voltage_difference"}


def test_a_capture_whose_writer_was_killed_gives_what_it_has(run, db):
    file, kept = BlfFile(run / "main.blf"), []
    for number in range(20):
        file.write(frames(db)[0])
        if number % 10 == 9:
            file.flush()
            kept.append((run / "main.blf").read_bytes()[:144])
    file.close()
    whole = (run / "main.blf").read_bytes()
    (run / "main.blf").write_bytes(kept[0] + whole[144:-7])
    export_run(run)
    (columns,) = read_blf(run / "main.blf")
    assert len(columns) >= 10
    assert np.all(columns.timestamp_s >= START_S)


@pytest.mark.parametrize("change", [lambda raw: raw[:-40], lambda raw: raw[:200] + b"?" + raw[201:]])
def test_a_capture_that_was_damaged_or_cut_off_is_not_exported(run, change):
    (run / "main.blf").write_bytes(change((run / "main.blf").read_bytes()))
    with pytest.raises(BenchError, match="its header counts"):
        export_run(run)
    assert not list(run.glob("main.[mp]*"))
    (run / "main.blf").write_bytes(b"nothing of the kind")
    with pytest.raises(BenchError, match="cannot be read as BLF"):
        export_run(run)


def test_without_its_database_only_the_frames_are_written(run):
    shutil.rmtree(run / "database")
    assert export_run(run) == [run / "main.mf4"]


def test_an_empty_capture_is_empty_in_every_form(run):
    with can.BLFWriter(run / "main.blf"):
        pass
    export_run(run)
    assert parquet.read_table(run / "main.parquet").num_rows == 0


def test_a_missing_package_names_its_mend(run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "asammdf", None)
    with pytest.raises(BenchError, match=r"asammdf is not installed\n.*v2g-bench\[export\]"):
        export_run(run)


def test_no_half_file_is_left(run, monkeypatch):
    def full(self, path):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(export.ParquetFile, "save", full)
    with pytest.raises(BenchError, match="No space left on device"):
        export_run(run)
    assert sorted(path.name for path in run.iterdir()) == ["database", "main.blf", "main.mf4"]


def test_a_folder_without_a_capture_is_none(tmp_path):
    with pytest.raises(BenchError, match="holds no capture"):
        export_run(tmp_path)
