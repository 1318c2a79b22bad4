"""Events by their kind, and results of tests, each once."""

import dataclasses

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.reports.verify.events import events, results_of


def test_the_events_of_a_kind_in_their_order(tmp_path):
    (tmp_path / "events.jsonl").write_text('{"event": "a", "n": 1}\n{"event": "b"}\n{"event": "a", "n": NaN}\n')
    assert [one["event"] for one in events(tmp_path, "a")] == ["a", "a"]
    assert list(events(tmp_path, "c")) == []


def test_a_line_that_was_being_written_is_left_out(tmp_path):
    (tmp_path / "events.jsonl").write_bytes(b'{"event": "a"}\n{"event": "a", "text": "\xc3')
    assert len(list(events(tmp_path, "a"))) == 1


@pytest.mark.parametrize("text", ["{\n", "[]\n", "\xff\n"])
def test_what_is_no_event_is_an_error(tmp_path, text):
    (tmp_path / "events.jsonl").write_bytes(text.encode("latin-1"))
    with pytest.raises(BenchError, match=r"events\.jsonl"):
        list(events(tmp_path, "a"))


def test_no_events_are_an_error(tmp_path):
    with pytest.raises(BenchError, match="cannot be read"):
        list(events(tmp_path, "a"))


def test_a_test_of_two_requirements_stands_once(kept, tmp_path):
    run = kept.kept_run(tmp_path)
    (one,) = run.requirements
    beside = dataclasses.replace(one.tests[0], title="said and seen: hot cell")
    twice = [one, dataclasses.replace(one, id="SAF-02"), dataclasses.replace(one, id="LOG-06", tests=[beside])]
    assert results_of(dataclasses.replace(run, requirements=twice)) == [one.tests[0], beside]
