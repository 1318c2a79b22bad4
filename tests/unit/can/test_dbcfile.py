import hashlib

from v2g_bench.can.dbcfile import read_dbc
from v2g_bench.dbc import dbc_path


def test_a_database_is_parsed_once_for_the_same_bytes_and_anew_for_others(tmp_path):
    path, text = tmp_path / "a.dbc", dbc_path("v2g_bms_fd").read_text("utf-8")
    path.write_text(text, "utf-8")
    (first, sha256), (repeated, _) = read_dbc(path), read_dbc(path)
    assert repeated is first
    path.write_text(text.replace("BMS_Safety", "BMS_Sanity"), "utf-8")
    other, other_sha256 = read_dbc(path)
    assert {message.name for message in first.messages} - {message.name for message in other.messages} == {"BMS_Safety"}
    assert other_sha256 == hashlib.sha256(path.read_bytes()).hexdigest() != sha256
