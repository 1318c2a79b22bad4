import pytest

from v2g_bench.errors import BenchError
from v2g_bench.instruments.emulated.scpi import Instrument, command
from v2g_bench.instruments.emulated.syntax import definite_block


class Box(Instrument):
    identity = "V2G,BOX,7,1.0"
    answer = "1"

    @command("ANY?")
    def _any(self, call):
        return self.answer

    @command("BLOCk?")
    def _block(self, call):
        return definite_block(bytes(8))

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
    session.write("*CLS")  # whose answer it was is not known: on a new connection
    assert session._link.opened == 2


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


def test_what_nobody_asked_for_is_an_error_before_the_question_is_sent(session, box):
    """The reading is not used, the error shows what was left over, and the next reading is right."""
    asked = []
    box.execute = lambda text, execute=box.execute: asked.append(text) or execute(text)
    session._link.answers.append(b"-99.0\n")
    with pytest.raises(
        BenchError, match=r"rig.toml: meters.dc: DIRECT: out of step: .*-99\.0.* before 'ANY\?'"
    ) as caught:
        session.query_float("ANY?")
    assert "the connection is reopened" in caught.value.hint
    assert asked == []
    assert session.query_float("ANY?") == 1.0
    assert session._link.opened == 2


def test_what_comes_behind_an_answer_is_an_error(session, monkeypatch):
    read = session._link.read
    with monkeypatch.context() as patch:
        patch.setattr(session._link, "read", lambda *a: (read(*a), session._link.answers.append(b"2\n")))
        for ask in (lambda: session.query("ANY?"), lambda: session.query_block("BLOCk?")):
            with pytest.raises(BenchError, match=r"out of step: more than one answer to '.*': .*b'2"):
                ask()
    assert session.query("ANY?") == "1"
    assert session._link.opened == 3


@pytest.mark.parametrize(
    "ask",
    [
        lambda s: s.query("ANY?"),
        lambda s: s.query_float("ANY?"),
        lambda s: s.query_int("ANY?"),
        lambda s: s.query_floats("ANY?", 3),
        lambda s: s.query_block("ANY?", count=3),
        lambda s: s.check_errors(),
        lambda s: s.identify("^V2G"),
    ],
)
@pytest.mark.parametrize("start", ["1", "#9", "#0"])
def test_an_answer_that_is_longer_than_what_was_asked_can_be_is_an_error(session, box, ask, start):
    box.answer = box.identity = start + "9" * 10_000
    session.error_query = "ANY?"
    with pytest.raises(BenchError, match="longer than|at most 24 are due|is no block|more behind the block") as caught:
        ask(session)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("answer", ["NaN", "INF", "1E999", "9.91E37", "1_0"])
def test_what_is_no_whole_number_is_none(session, box, answer):
    box.answer = answer
    with pytest.raises(BenchError, match="where a whole number is due"):
        session.query_int("ANY?")


def test_an_identity_that_cannot_be_printed_is_refused(session, box):
    box.identity = "V2G,BOX,\x1b[2J,1.0"
    with pytest.raises(BenchError, match=r"\\x1b\[2J"):
        session.identify("^V2G")


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
    with pytest.raises(BenchError, match="the answer to 'ANY\\?' is lost, or was read before"):
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
