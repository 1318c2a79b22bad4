"""The same two days through each kind of file."""

import can
import cantools
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from v2g_bench.can.blf import BlfFile
from v2g_bench.errors import BenchError
from v2g_bench.life.recording.captures import read
from v2g_bench.life.recording.clean import recording
from v2g_bench.life.recording.columns import stated

DBC = """VERSION ""
NS_ :
BS_:
BU_: BMS
BO_ 291 Pack: 8 BMS
 SG_ StateOfCharge : 0|16@1+ (0.01,0) [0|100] "%" BMS
 SG_ PackCurrent : 16|16@1- (0.1,0) [-3000|3000] "A" BMS
 SG_ CellTempMax : 32|8@1+ (0.5,-40) [-40|80] "degC" BMS
"""


@pytest.fixture
def dbc(tmp_path):
    path = tmp_path / "bus.dbc"
    path.write_text(DBC)
    return path


@pytest.fixture
def blf(tmp_path, columns, dbc):
    """A capture with two frames in each second that the recording has a row in."""
    message = cantools.database.load_file(dbc).get_message_by_name("Pack")
    file = BlfFile(tmp_path / "trip.blf")
    for at in range(0, len(columns["soc"]), 10):
        values = {"StateOfCharge": columns["soc"][at], "PackCurrent": columns["current_a"][at]}
        data = message.encode(values | {"CellTempMax": columns["temperature_c"][at]})
        for stamp in (0.0, 0.2):
            stamp_s = 1.7e9 + columns["time_s"][at] + stamp
            file.write(can.Message(timestamp=stamp_s, arbitration_id=291, data=data, is_extended_id=False))
    file.close()
    return tmp_path / "trip.blf"


def test_a_capture_with_its_database(blf, dbc, columns):
    record = recording(read(blf, dbc), {})
    assert len(record.soc) == (len(columns["soc"]) + 9) // 10  # one frame a second
    assert record.capacity_ah == pytest.approx(156.0, rel=0.01)
    assert record.temperature_c.mean() == pytest.approx(15, abs=0.2)
    assert not any("is not stated" in one for one in record.assumptions)


def test_a_signal_of_two_messages_is_asked(tmp_path, dbc):
    """The pack's own charge and that of the display: neither is taken because it comes last."""
    dbc.write_text(DBC.replace("CellTempMax", "Temp") + DBC[DBC.index("BO_") :].replace("291 Pack", "292 Display"))
    file = BlfFile(tmp_path / "trip.blf")
    for at in range(5):
        for identifier in (291, 292):
            data = bytes([at, identifier % 256, 0, 0, 100, 0, 0, 0])
            file.write(can.Message(timestamp=1.7e9 + at, arbitration_id=identifier, data=data, is_extended_id=False))
    file.close()
    table = read(tmp_path / "trip.blf", dbc)
    assert set(table.columns) == {
        *("Pack.StateOfCharge", "Display.StateOfCharge", "Pack.PackCurrent", "Display.PackCurrent"),
        *("Temp", "CellTempMax"),
    }
    with pytest.raises(BenchError, match="has no column of the state of charge\n  state it: .*soc=NAME, of: Pack"):
        recording(table, {})


def test_a_capture_without_its_database(blf):
    with pytest.raises(BenchError, match="nothing says what is in them\n  give the database: --dbc"):
        read(blf)


def test_a_database_of_another_bus(blf, dbc):
    dbc.write_text(DBC.replace("291", "292"))
    with pytest.raises(BenchError, match="holds no message of bus.dbc"):
        read(blf, dbc)


def test_mf4_signals(tmp_path, columns):
    asammdf = pytest.importorskip("asammdf")
    file = asammdf.MDF(version="4.10")
    signals = [("SoC", "soc", "%"), ("PackCurrent", "current_a", "A"), ("CellTempMax", "temperature_c", "°C")]
    stamps = columns["time_s"]
    file.append([asammdf.Signal(columns[name], stamps, unit=unit, name=title) for title, name, unit in signals])
    path = tmp_path / "week.mf4"
    file.save(path)
    file.close()
    record = recording(read(path), {})
    assert record.capacity_ah == pytest.approx(156.0, rel=0.01)
    assert len(record.soc) == len(stamps)


def test_parquet_and_dates(tmp_path, columns, csv):
    date = [str(np.datetime64("2026-05-01T00:00:00") + np.timedelta64(int(at), "s")) for at in columns.pop("time_s")]
    path = tmp_path / "week.parquet"
    parquet.write_table(pa.table({"timestamp": pa.array(date).cast(pa.timestamp("us"))} | columns), path)
    from_parquet, from_csv = recording(read(path), {}), recording(read(csv({"date": date} | columns)), {})
    np.testing.assert_allclose(from_parquet.time_s, from_csv.time_s)
    np.testing.assert_allclose(from_parquet.soc, from_csv.soc, atol=1e-5)
    zoned = recording(read(csv({"date": [one + "+02:00" for one in date]} | columns)), {})
    np.testing.assert_allclose(zoned.time_s, from_csv.time_s)


@pytest.fixture
def run(tmp_path, columns):
    """A run folder as far as the audit reads it: the roles of its bus, some of them without a sound checksum."""
    roles = (("soc", "soc", "%"), ("pack_current", "current_a", "A"), ("cell_temperature_max", "temperature_c", "degC"))
    rows = {"stamp_s": [], "role": [], "value": [], "unit": [], "sound": []}
    for role, name, unit in roles:
        rows["stamp_s"] += (1.7e9 + columns["time_s"]).tolist()
        rows["value"] += columns[name].tolist()
        rows["role"] += [role] * len(columns["soc"])
        rows["unit"] += [unit] * len(columns["soc"])
        rows["sound"] += [at % 10 != 3 for at in range(len(columns["soc"]))]
    folder = tmp_path / "a-run"
    folder.mkdir()
    parquet.write_table(pa.table(rows), folder / "main.parquet")
    return folder


def test_a_run(run, columns):
    record = recording(read(run), {})
    assert record.capacity_ah == pytest.approx(156.0, rel=0.01)
    assert any("whose checksum did not fit are left out" in one for one in record.assumptions)


def test_a_run_that_was_not_exported(run):
    (run / "main.parquet").rename(run / "main.blf")
    with pytest.raises(BenchError, match=r"main.parquet: is not here\n  v2g-bench export .*a-run"):
        read(run)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.csv", b"", "has no line of names"),
        ("a.csv", b"soc,time\n", "has a line of names and no rows"),
        ("a.csv", b"soc,time\n1,2\n3\n", r"a.csv: line 3: has 1 fields, the line of names has 2"),
        ("a.csv", b"soc,soc\n1,2\n", "line 1: two columns are called 'soc'"),
        ("a.csv", b"time,soc\r0,50\r60,51\r", "line 1: is no line of names: "),
        ("a.csv", b"\xff\xfes\0", "is UTF-16"),
        ("a.csv", b"soc,time\n1,2\n\xb0,3\n", "a.csv: line 3: is not UTF-8 text"),
        ("a.csv", b"soc\n1\n", "has one column"),
        ("a.parquet", b"PAR1", "cannot be read as Parquet"),
        ("a.mf4", b"nothing", "cannot be read as MF4"),
        ("a.xlsx", b"", "is of no kind that is read here"),
    ],
)
def test_what_is_no_recording(tmp_path, name, content, what):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BenchError, match=what):
        recording(read(tmp_path / name), stated(""))


def test_comments_before_the_names_count_as_lines(tmp_path):
    (tmp_path / "a.csv").write_text("# a logger\n\ntime_s,soc,temperature_c\n0,50,20\n\n60,50,20\n30,50,20\n")
    with pytest.raises(BenchError, match="line 7: time runs back by 30 s"):
        recording(read(tmp_path / "a.csv"), {})
