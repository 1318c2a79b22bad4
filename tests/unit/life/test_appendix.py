import dataclasses

from v2g_bench.life.appendix import section, validation
from v2g_bench.pack.ageing.laws import LAWS
from v2g_bench.pack.ageing.validation import CHECKS, Row


def test_every_figure_of_every_source_is_there():
    sheet, _ = validation().sheets
    assert len(sheet.rows) == len(CHECKS)
    assert f"{len(CHECKS)} of {len(CHECKS)} figures agree." in validation().text
    assert any("Smith 2017" in text for text in validation().text)


def test_what_is_unknown_of_a_law_is_said_and_who_can_ever_vote():
    _, known = validation().sheets
    assert [row[0] for row in known.rows] == [law.facts.title for law in LAWS.values()]
    ranges = {row[0]: row[1:5] for row in known.rows}
    assert ranges["Luh (KIT) 2024"] == ("0 to 40", "0 to 40", "0.8 to 1", "0.333 to 1.67")
    assert ranges["Wang 2014"] == ("unknown", "10 to 46", "unknown", "unknown")
    assert ranges["Schmalstieg 2014"] == ("35 to 50", "35", "0.05 to 1", "1")
    limit = " can ever vote, 3 are needed: with this version no verdict"
    said = [text.partition(limit)[0] for text in validation().text]
    assert said[-4:] == [
        "NMC: 2 independently fitted laws",
        "LFP: 1 independently fitted law",
        "NCA: no independently fitted law",
        "LMO: 1 independently fitted law",
    ]


def test_a_figure_that_does_not_agree_is_named():
    rows = [
        Row(CHECKS[0], CHECKS[0].expected),
        Row(dataclasses.replace(CHECKS[5], what="a figure"), CHECKS[5].expected + 1),
    ]
    assert f"1 of 2 figures agree. Not: {CHECKS[5].law}, a figure." in section(rows).text
