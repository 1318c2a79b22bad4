"""A chain of records: whole as it was written, and every way of changing it shows at the place where it was changed."""

import hashlib

import pytest

from v2g_bench.reports.model.chain import Head, heads_in, link, published, read_chain, sha256_of

RECORDS = [{"event": "trial", "value": float(number), "text": "°\n"} for number in range(1, 8)]


def chain(records=RECORDS):
    content, head = b"", Head()
    for record in records:
        line, head = link(head, record)
        content += line
    return content


LINES = chain().splitlines(keepends=True)


def test_what_was_written_is_read_and_each_head_is_the_hash_of_a_line():
    prefix = read_chain(chain())
    assert (prefix.broken, prefix.torn, prefix.chained) == ("", 0, True)
    assert [record["value"] for record in prefix.records] == [1, 2, 3, 4, 5, 6, 7]
    assert [head.sha256 for head in prefix.heads] == [hashlib.sha256(line).hexdigest() for line in LINES]


@pytest.mark.parametrize(
    ("lines", "whole", "broken"),
    [
        (LINES[:3] + LINES[4:], 3, "where record 4 must be, record 5 is"),
        ([*LINES[:2], LINES[3], LINES[2], *LINES[4:]], 2, "where record 3 must be, record 4 is"),
        ([*LINES[:3], LINES[2], *LINES[3:]], 3, "where record 4 must be, record 3 is"),
        ([*LINES[:3], LINES[3].replace(b"4.0", b"3.0"), *LINES[4:]], 4, "record 5 does not follow from record 4"),
        ([*LINES[:3], b"{}\n", *LINES[3:]], 3, "where record 4 must be, record None is"),
        ([*LINES, LINES[6].replace(b'"n": 7', b'"n": 8')], 7, "record 8 does not follow from record 7"),
        ([b"\xff\n", *LINES], 0, "record 1 cannot be read"),
        ([*LINES[:2], b"[" * 100_000 + b"\n"], 2, "record 3 cannot be read"),
        ([*LINES[:2], b"\n", *LINES[2:]], 2, "record 3 cannot be read"),
        (LINES[1:], 0, "where record 1 must be, record 2 is"),
    ],
)
def test_what_was_changed_shows_where(lines, whole, broken):
    prefix = read_chain(b"".join(lines))
    assert len(prefix.records) == len(prefix.heads) == whole
    assert broken in prefix.broken


def test_every_flipped_bit_before_the_last_record_shows():
    content = chain()
    for place in range(len(content) - len(LINES[-1])):
        for bit in (1, 32):
            changed = bytearray(content)
            changed[place] ^= bit
            found = read_chain(bytes(changed))
            assert found.broken or not found.chained, (place, bit)


def test_a_line_that_was_being_written_is_left_out():
    for cut in range(1, len(LINES[-1])):
        prefix = read_chain(chain()[:-cut])
        assert (len(prefix.records), prefix.broken, prefix.torn) == (6, "", len(LINES[-1]) - cut)


def test_a_log_of_an_older_bench_is_no_chain():
    assert not read_chain(b'{"event": "run started"}\n').chained
    assert read_chain(b"").records == []


def test_a_published_head_is_found_in_a_log_with_its_chain():
    heads = read_chain(chain()).heads
    log = f"rig sim\n\x1b[2m{published(heads[3], heads[0])}\x1b[0m\nchain of events\n{published(heads[6], heads[0])}"
    name = heads[0].sha256[:16]
    assert heads_in(log) == [(name, heads[3]), (name, heads[6])]


def test_the_digest_of_a_file_that_grows_is_that_of_its_beginning(tmp_path):
    log, capture = tmp_path / "a.log", tmp_path / "a.blf"
    log.write_bytes(b"one\ntwo\n")
    assert sha256_of(log, 4) == hashlib.sha256(b"one\n").hexdigest()
    capture.write_bytes(b"H" * 144 + b"frames")
    found = sha256_of(capture, 150)
    capture.write_bytes(b"X" * 144 + b"frames and more")
    assert sha256_of(capture, 150) == found == hashlib.sha256(b"frames").hexdigest()
