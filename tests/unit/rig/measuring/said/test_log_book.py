"""Lines of a log with the times between which they were written."""

from v2g_bench.rig.measuring.said.log_book import Line, LogBook


def append(path, text):
    with path.open("a") as file:
        file.write(text)


def test_lines_lie_between_the_notes_around_them(tmp_path):
    path = tmp_path / "log"
    append(path, "before the test\n")
    book = LogBook(path, 1.0)
    append(path, "one\n")
    book.note(2.0)
    book.note(3.0)
    append(path, "two\nthree\n")
    assert book.lines(4.0) == [Line(1.0, 2.0, "one"), Line(3.0, 4.0, "two"), Line(3.0, 4.0, "three")]


def test_a_log_that_is_not_there_yet_is_empty(tmp_path):
    book = LogBook(tmp_path / "log", 1.0)
    assert book.lines(2.0) == []
    append(tmp_path / "log", "first\n")
    assert book.lines(3.0) == [Line(2.0, 3.0, "first")]


def test_of_a_log_that_was_started_again_only_the_test_is_known(tmp_path):
    path = tmp_path / "log"
    append(path, "a long line before\n")
    book = LogBook(path, 1.0)
    path.write_text("new\n")
    assert book.lines(5.0) == [Line(1.0, 5.0, "new")]
