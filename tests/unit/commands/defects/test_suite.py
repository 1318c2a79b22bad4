"""A broken controller against the suite, under several seeds."""

from v2g_bench.commands.defects import run as run_module
from v2g_bench.commands.defects.run import Bench, in_the_suite, matrix
from v2g_bench.commands.defects.suite import RELATED, WHOLE, Certified, attempt, attempts, in_words
from v2g_bench.qualification.defects.catalogue import Defect

LATE = Defect(
    "late", "controller", "SAF-01", "FAIL", "51 ms", "hot", core="hot_cell_in_51_ms", campaign="shutdown: isolation"
)


def certifying(related, whole=None):
    """Certifies as told, and notes what was asked."""
    asked = []

    def certify(defect, seed, is_whole):
        asked.append(WHOLE if is_whole else RELATED)
        return Certified(whole or related if is_whole else related, "51 ms")

    return certify, asked


def test_what_the_related_tests_find_needs_no_whole_suite():
    certify, asked = certifying({"SAF-01": "FAIL"})
    found = attempt(certify, LATE, 1)
    assert (found.found, found.by, found.right, asked) == (True, RELATED, True, [RELATED])


def test_the_whole_suite_runs_for_what_is_left():
    certify, asked = certifying({"SAF-01": "PASS"}, {"SAF-01": "FAIL"})
    found = attempt(certify, LATE, 1)
    assert (found.found, found.by, asked) == (True, WHOLE, [RELATED, WHOLE])


def test_neither_an_error_nor_another_requirement_counts():
    for tested in ({"SAF-01": "ERROR"}, {"SAF-01": "INCONCLUSIVE"}, {"SAF-01": "PASS", "SAF-02": "FAIL"}, {}):
        certify, _ = certifying(tested)
        assert not attempt(certify, LATE, 1).found, tested


def test_it_is_counted_in_how_many_seeds():
    tried = attempts(
        lambda defect, seed, whole: Certified({"SAF-01": "FAIL" if seed > 2 else "PASS"}, "51 ms"), LATE, (1, 2, 3)
    )
    assert in_words(tried) == "found in 1 of 3 seeds, by related tests"


def outcome(monkeypatch, verdicts, broken="shutdown: isolation"):
    """Of LATE under two seeds with these verdicts, and a campaign that breaks this."""
    monkeypatch.setattr(
        run_module,
        "_certify",
        lambda bench, defect, verified, whole=False: ({"SAF-01": verdicts[bench.seed]}, "51 ms", True),
    )
    monkeypatch.setattr(run_module, "_campaign", lambda bench, defect: ({broken: "failed"}, "", False))
    return in_the_suite(Bench("sim", run_module.Path("x"), seed=0, seeds=2), LATE)


def test_found_under_all_seeds_some_or_none(monkeypatch):
    assert outcome(monkeypatch, ("FAIL", "FAIL")).outcome == "killed"
    partly = outcome(monkeypatch, ("FAIL", "PASS"))
    assert (partly.outcome, partly.found_in, partly.of, partly.good) == ("partly", 1, 2, False)
    assert outcome(monkeypatch, ("PASS", "PASS"), broken="shutdown: log").outcome == "survived"


def test_what_a_campaign_alone_finds_is_listed_apart(monkeypatch):
    one = outcome(monkeypatch, ("PASS", "ERROR"))
    assert (one.outcome, one.good) == ("campaign", False)
    result = matrix([one, outcome(monkeypatch, ("FAIL", "PASS"))])
    assert (result["by_a_campaign_alone"], result["partly"], result["killed"]) == (
        ["late"],
        {"late": "1 of 2 seeds"},
        0,
    )
