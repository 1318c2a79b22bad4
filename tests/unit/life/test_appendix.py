import dataclasses

from v2g_bench.life.appendix import section, validation
from v2g_bench.pack.ageing.validation import CHECKS, Row


def test_every_figure_of_every_source_is_there():
    (sheet,) = validation().sheets
    assert len(sheet.rows) == len(CHECKS)
    assert f"{len(CHECKS)} of {len(CHECKS)} figures agree." in validation().text
    assert any("Smith 2017" in text for text in validation().text)


def test_a_figure_that_does_not_agree_is_named():
    rows = [
        Row(CHECKS[0], CHECKS[0].expected),
        Row(dataclasses.replace(CHECKS[5], what="a figure"), CHECKS[5].expected + 1),
    ]
    assert f"1 of 2 figures agree. Not: {CHECKS[5].law}, a figure." in section(rows).text
