import dataclasses

import pytest

from v2g_bench.reports.render import words


@pytest.mark.parametrize(
    ("value", "expanded", "unit", "text"),
    [
        (23.412, 0.31, "ms", "23.41 ms ± 0.31 ms"),
        (-212.3, 18.2, "W", "−212 W ± 18 W"),
        (-0.00002, 0.0044, "A", "0.0000 A ± 0.0044 A"),
        (0.00123456, None, "s", "0.001235 s"),
        (None, 0.3, "ms", "—"),
        (5.0, 0.0, "", "5.000 ± 0.000"),
    ],
)
def test_a_value_shows_two_digits_of_its_uncertainty(value, expanded, unit, text):
    assert words.measured(value, expanded, unit) == text


@pytest.mark.parametrize(
    ("p", "text"), [(None, "—"), (1.0, "> 99.99 %"), (0.9999, "99.99 %"), (0.0, "< 0.01 %"), (0.5, "50.00 %")]
)
def test_a_probability_is_never_rounded_to_certainty(p, text):
    assert words.probability(p) == text


def test_text_shows_what_it_holds():
    assert words.printable("a\x1b[1;31mb\x1b[0m\x07\u202ec\r\nd\te") == "ab<U+0007><U+202E>c\nd   e"
    assert words.drawable("° é é 漢 😀 →") == "° é é <U+6F22> <U+1F600> →"


@pytest.mark.parametrize(
    ("changes", "mark", "certified"),
    [
        ({}, "EMULATED - no hardware was measured", "NOT CERTIFIED"),
        ({"evidence": "simulated", "clock": "virtual"}, "SIMULATED - no hardware was measured", "NOT CERTIFIED"),
        ({"evidence": "hardware", "clock": "virtual"}, "HARDWARE GRADE ON A VIRTUAL CLOCK", "NOT CERTIFIED"),
        ({"evidence": "hardware"}, "HARDWARE GRADE WITH EMULATED INSTRUMENTS", "NOT CERTIFIED"),
        ({"evidence": "hardware", "instruments": [], "complete": False}, "HARDWARE", "NOT CERTIFIED"),
        ({"evidence": "hardware", "instruments": []}, "HARDWARE - measured in real time", "UNISSUED"),
    ],
)
def test_only_hardware_on_a_real_clock_could_be_issued(run, changes, mark, certified):
    changed = dataclasses.replace(run, **changes)
    assert words.grade_mark(changed).startswith(mark)
    assert words.certified_mark(changed) == certified
    assert ("NOT CERTIFIED" in words.page_mark(changed)) == (certified == "NOT CERTIFIED")


def test_the_first_page_says_what_it_is_not(run):
    text = " ".join(words.what_it_is_not(dataclasses.replace(run, complete=False, incomplete_reason="power cut")))
    assert "emulated: no hardware was measured" in text
    assert "incomplete: power cut" in text
    assert "not a certificate" in text
    assert "not committed" in text
