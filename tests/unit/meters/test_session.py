import pytest

from v2g_bench.errors import BenchError
from v2g_bench.meters.emulated.scpi import Instrument, command
from v2g_bench.meters.emulated.syntax import definite_block


class Box(Instrument):
    identity = "V2G,BOX,7,1.0"
    answer = "1"

    @command("ANY?")
    def _any(self, call):
        return self.answer

    @command("QUIet?")
    def _quiet(self, call):
        return None


@pytest.fixture
def box():
    return Box()


@pytest.fixture
def session(box, direct_session):
    return direct_session(box, where="rig.toml: meters.dc")


def test_identify(session):
    identity = session.identify("^V2G,BOX")
    assert (identity.serial, identity.firmware) == ("7", "1.0")


@pytest.mark.parametrize("answer", ["V2G,OTHER,7,1.0", "V2G,BOX,7", "V2G,BOX,7,1,2", ""])
def test_another_identity_names_both(session, box, answer):
    box.identity = answer
    with pytest.raises(BenchError) as caught:
        session.identify("^V2G,BOX")
    assert caught.value.where == "rig.toml: meters.dc"
    assert repr(answer) in str(caught.value)
    assert "^V2G,BOX" in str(caught.value)


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda s: s.query_float("ANY?"), "EXT"),
        (lambda s: s.query_float("ANY?"), "1,2"),
        (lambda s: s.query_int("ANY?"), "1.5"),
        (lambda s: s.query_floats("ANY?", 3), "1,2"),
        (lambda s: s.query_floats("ANY?", 2), "1,x"),
        (lambda s: s.query_block("ANY?"), "1"),
        (lambda s: s.query_block("ANY?"), definite_block(b"1234567")),
        (lambda s: s.query_block("ANY?", "ascii"), definite_block(b"1,x")),
        (lambda s: s.check_errors(), None),
    ],
)
def test_an_answer_to_another_question_is_an_error(session, box, ask, answer):
    box.answer = answer
    if answer is None:
        session.error_query = "ANY?"
        box.answer = "no number"
    with pytest.raises(BenchError, match=r"rig.toml: meters.dc: DIRECT"):
        ask(session)


def test_numbers_and_blocks(session, box):
    box.answer = "+1.5E+00"
    assert session.query_float("ANY?") == 1.5
    box.answer = definite_block(b"\x3f\x80\x00\x00")
    assert session.query_block("ANY?", "f4").tolist() == [1.0]
    box.answer = definite_block(b"1.5,2")
    assert session.query_block("ANY?", "ascii").tolist() == [1.5, 2.0]


def test_all_errors_are_told_and_the_queue_is_empty_then(session):
    session.write("FOO")
    session.write("BAR 1")
    with pytest.raises(BenchError, match=r"after the start: -113.*FOO.*; -113.*BAR"):
        session.check_errors("the start")
    session.check_errors()


def test_no_answer_is_an_error_and_the_link_is_cleared_before_the_next(session, clock):
    notes = []
    session._log = lambda *note: notes.append(note)
    with pytest.raises(BenchError, match="no answer to 'QUI\\?' within 2 s"):
        session.query("QUI?")
    assert session.query("ANY?") == "1"
    directions = [direction for _, direction, _ in notes]
    assert directions == [">", "!", "!", ">", "<"]
    assert all(time_s >= 100.0 for time_s, _, _ in notes)


def test_two_answers_to_one_question_are_an_error(session):
    session._link.answers.append(b"stale\n")
    with pytest.raises(BenchError, match=r"out of step: b.stale.* before .ANY"):
        session.query("ANY?")
    assert session.query("ANY?") == "1"


def test_an_interrupted_exchange_is_cleared_as_well(session, monkeypatch):
    def interrupt(answer, timeout_s):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(session._link, "read", interrupt)
        with pytest.raises(KeyboardInterrupt):
            session.query("*IDN?")
    assert session.query("ANY?") == "1"


def test_an_answer_may_be_taken_later_and_only_once(session, box):
    question = session.ask("ANY?")
    box.answer = "2"  # of the next question
    assert session.answer(question) == "1"
    with pytest.raises(BenchError, match="the answer to 'ANY\\?' is lost, or was taken before"):
        session.answer(question)
    assert session.query("ANY?") == "2"


@pytest.mark.parametrize("between", [lambda s: s.write("*CLS"), lambda s: s.query("*IDN?"), lambda s: s.ask("ANY?")])
def test_an_answer_that_nobody_took_is_no_answer_to_another_question(session, box, between):
    first = session.ask("ANY?")
    between(session)
    with pytest.raises(BenchError, match="is lost"):
        session.answer(first)
    box.answer = "2"
    assert session.query("ANY?") == "2"


def test_an_answer_that_does_not_come_is_told_with_its_question(session):
    with pytest.raises(BenchError, match="no answer to 'QUI\\?' within 1 s"):
        session.answer(session.ask("QUI?"), 1.0)
    assert session.query("ANY?") == "1"


def test_a_closed_session_says_so(session):
    question = session.ask("ANY?")
    session.close()
    session.close()
    with pytest.raises(BenchError, match="closed"):
        session.write("*CLS")
    with pytest.raises(BenchError, match="closed"):
        session.answer(question)
