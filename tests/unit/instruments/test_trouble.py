import pytest

from v2g_bench.errors import BenchError
from v2g_bench.instruments.answers import AnswerError, Line
from v2g_bench.instruments.trouble import ErrorNotice


class Session:
    def __init__(self):
        self.reported = []

    def mark_stale(self, what):
        self.reported.append(what)

    def error(self, what, hint=""):
        return BenchError("meters.dc", what, hint)


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (TimeoutError("over"), r"no answer to 'X\?' within 2 s, only b'12'"),
        (AnswerError("it is no block"), r"no answer to 'X\?': it is no block"),
        (ConnectionResetError("gone"), r"the connection is lost \(no answer to 'X\?' within 2 s\)"),
        (AssertionError("a header"), r"no answer to 'X\?' within 2 s, only b'12'"),
    ],
)
def test_what_is_raised_becomes_an_error_of_the_session(raised, words):
    session, line = Session(), Line()
    line.feed(b"12")
    with pytest.raises(BenchError, match=words) as caught, ErrorNotice(session, "no answer to 'X?'", 2.0, line):
        raise raised
    assert caught.value.hint
    assert len(session.reported) == 1


def test_what_is_no_trouble_of_the_wire_is_not_hidden_and_the_session_is_stale_all_the_same():
    session = Session()
    with pytest.raises(KeyboardInterrupt), ErrorNotice(session, "no answer"):
        raise KeyboardInterrupt
    assert session.reported


def test_no_trouble():
    session = Session()
    with ErrorNotice(session, "no answer"):
        pass
    assert session.reported == []
