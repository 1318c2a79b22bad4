"""The words of a run's scope: nobody may take a part for the whole, or a moved limit for the suite's own."""

import dataclasses

import pytest

from v2g_bench.reports.model.foreign import MORE_TESTS, NONE_SHIPPED, OTHER_TESTS, OTHER_WORDING
from v2g_bench.reports.model.run import DEVELOPERS, Controller, Profile, Requirement, Run, TestResult
from v2g_bench.reports.render.scope import by_verdict, headline, partial, ranges, title, tone, verdict_sentence

PROFILE = Profile(id="emulated", edition="1")
END = "This is no statement on the safety of the controller as a whole."


def requirement(key, verdict, mandatory=True):
    reason = "not claimed" if verdict == "NOT APPLICABLE" else ""
    tests = [] if verdict in ("NOT TESTED", "NOT APPLICABLE") else [TestResult(nodeid="t", verdict=verdict)]
    return Requirement(
        id=key, title=key, mandatory=mandatory, verdict=verdict, not_applicable_reason=reason, tests=tests
    )


def run(*requirements, profile=PROFILE, complete=True, deviations=()):
    return Run(
        title="t", started="s", rig="r", evidence="emulated", clock="real", controller=Controller(name="c"), profile=profile,
        complete=complete, deviations=list(deviations), requirements=[requirement(*one) for one in requirements],
    )  # fmt: skip


FULL = run(("A-1", "PASS"), ("A-2", "PASS"), ("B-1", "NOT TESTED", False), ("C-1", "NOT APPLICABLE", False))


@pytest.mark.parametrize(
    ("made", "head", "colours", "sentence"),
    [
        (
            FULL,
            "PASS",
            "PASS",
            "All 2 mandatory requirements of profile emulated 1 were tested and met. Not tested, and not mandatory: B-1. Not "
            "claimed, and not mandatory: C-1.",
        ),
        (
            run(("A-1", "PASS"), ("A-2", "NOT TESTED")),
            "PARTIAL",
            "NOT TESTED",
            f"PARTIAL: 1 of 2 mandatory requirements of profile emulated 1 were tested and met. Not tested: A-2. {END}",
        ),
        (
            run(("A-1", "PASS"), ("A-2", "NOT APPLICABLE")),
            "PARTIAL",
            "NOT TESTED",
            f"PARTIAL: 1 of 2 mandatory requirements of profile emulated 1 were tested and met. Not claimed: A-2. {END}",
        ),
        (
            run(("A-1", "FAIL"), ("A-2", "ERROR"), ("A-3", "INCONCLUSIVE"), ("A-4", "PASS")),
            "FAIL",
            "FAIL",
            "NOT MET: A-1. Not decided, the rig or the test is faulty: A-2. Not decided: A-3. 1 of 4 mandatory requirements of "
            "profile emulated 1 were tested and met.",
        ),
        (
            run(("A-1", "FAIL"), ("A-2", "NOT TESTED")),
            "FAIL · PARTIAL",
            "FAIL",
            "NOT MET: A-1. PARTIAL: 0 of 2 mandatory requirements of profile emulated 1 were tested and met. Not tested: A-2. "
            + END,
        ),
        (
            run(("A-1", "PASS"), complete=False),
            "INCONCLUSIVE",
            "INCONCLUSIVE",
            "All 1 mandatory requirements of profile emulated 1 were tested and met. The run did not end in order, so it is "
            "not a PASS.",
        ),
        (run(), "INCONCLUSIVE", "INCONCLUSIVE", "No requirement was tested."),
    ],
)
def test_what_page_1_says(made, head, colours, sentence):
    assert (headline(made), tone(made), verdict_sentence(made)) == (head, colours, sentence)


def test_a_moved_limit_takes_the_green_away():
    made = dataclasses.replace(FULL, deviations=["[judging] no_discharge_w = 3500"])
    assert (headline(made), tone(made)) == ("PASS · WITH DEVIATIONS", "INCONCLUSIVE")


def test_a_run_without_a_profile_is_of_an_older_bench_and_counts_what_applied():
    made = run(("A-1", "PASS"), ("A-2", "INCONCLUSIVE"), ("A-3", "NOT APPLICABLE"), profile=None)
    assert not partial(made)
    assert verdict_sentence(made) == "Not decided: A-2. 1 of 2 requirements were tested and met. Not applicable: A-3."


def test_what_was_not_met_or_not_decided_stands_first_and_what_is_not_claimed_last():
    words = ["PASS", "NOT APPLICABLE", "FAIL", "NOT TESTED", "INCONCLUSIVE", "ERROR"]
    shown = by_verdict(run(*((f"R-{number}", word) for number, word in enumerate(words, 1))))
    assert [(number, one.verdict) for number, one in shown] == [
        (3, "FAIL"), (6, "ERROR"), (5, "INCONCLUSIVE"), (4, "NOT TESTED"), (1, "PASS"), (2, "NOT APPLICABLE"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        ([], ""),
        (["A-1", "A-2"], "A-1, A-2"),
        (["A-09", "A-10", "A-11", "B-12"], "A-09 to A-11, B-12"),
        (["X", "A-1", "A-3"], "X, A-1, A-3"),
    ],
)
def test_ids_that_count_on_are_a_range(ids, text):
    assert ranges(ids) == text


def test_tests_that_do_not_ship_are_said_before_what_they_met():
    own = dataclasses.replace(FULL, deviations=[f"{NONE_SHIPPED}, of which there are 81"])
    assert verdict_sentence(own).startswith("None of the shipped requirements was part of the run: ")
    emptied = dataclasses.replace(FULL, deviations=[f"{OTHER_TESTS}: 22 of 25"])
    assert "not by the shipped ones" in verdict_sentence(emptied).partition(". ")[0]


@pytest.mark.parametrize(
    ("deviations", "heading"),
    [
        ([], "t"),
        (["max_voids = 9 by the rig file"], "t"),
        ([f"{MORE_TESTS}: my/test_b.py"], "V2G controller certification, with further tests"),
        ([f"{OTHER_TESTS}: 22 of 25"], "Test of a V2G controller by tests that do not ship with the bench"),
        (
            [f"{MORE_TESTS}: b", f"{OTHER_WORDING}: A-1"],
            "Test of a V2G controller by tests that do not ship with the bench",
        ),
        (["x", f"{NONE_SHIPPED}, of which there are 81"], "Test of a V2G controller by requirements of another suite"),
    ],
)
def test_the_heading_is_that_of_a_certification_for_the_shipped_suite_alone(deviations, heading):
    assert title(dataclasses.replace(FULL, deviations=deviations)) == heading
    developers = dataclasses.replace(FULL, deviations=deviations, marks=[DEVELOPERS])
    assert title(developers) == f"DEVELOPER'S RUN: {heading}"
    assert title(run(("A-1", "NOT TESTED"), deviations=deviations)) == f"PARTIAL: {heading}"


def test_the_sentence_without_the_ids_of_what_was_not_tested():
    partly = run(("A-1", "PASS"), ("A-2", "NOT TESTED"), ("A-3", "NOT APPLICABLE"))
    said = "PARTIAL: 1 of 3 mandatory requirements of profile emulated 1 were tested and met."
    assert verdict_sentence(partly, untested=False) == f"{said} {END}"
