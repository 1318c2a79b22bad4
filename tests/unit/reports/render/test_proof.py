import dataclasses
import json

import pytest

from v2g_bench.metrology.trials import Claim
from v2g_bench.reports.model.run import Measurement, Profile, Requirement, TestResult, Trial
from v2g_bench.reports.render.proof import proofs, slower_at_most
from v2g_bench.reports.render.view import view


@pytest.mark.parametrize(("n", "late"), [(1, 0), (5, 0), (20, 0), (59, 0), (59, 1), (93, 1), (299, 0), (1000, 3)])
def test_the_bound_is_that_of_the_claims(n, late):
    assert slower_at_most(n, late) == pytest.approx(1 - Claim.of(n, above=late).coverage, abs=1e-6)


def test_all_late_leaves_everything_possible():
    assert slower_at_most(5, 5) == 1.0


def latencies(*values, drawn=True, high=50.0, voids=0):
    trials = [
        Trial(index=n, value=value, expanded=0.5, t0_s=1.0, phase_s=0.01 if drawn else None)
        for n, value in enumerate(values, 1)
    ]
    trials += [Trial(index=1, attempt=2, value=90.0, t0_s=1.0, void=True, phase_s=0.01)] * voids
    return Measurement(
        name="time to isolation", value=max(filter(None, values), default=None), limit_high=high, trials=trials
    )


def requirement(key, *measurements):
    test = TestResult(nodeid=key, verdict="PASS", measurements=list(measurements))
    return Requirement(id=key, title=key, tests=[test])


def said(run, folder, *requirements):
    return proofs(dataclasses.replace(run, requirements=list(requirements)), folder)


def test_each_requirement_has_the_bound_of_its_weakest_measurement(run, tmp_path):
    five, ten = latencies(*[9.0] * 5), latencies(*[9.0] * 10, voids=1)
    first, second, _ = said(
        run, tmp_path, requirement("A-01", ten), requirement("A-02", five, ten), requirement("A-03", ten)
    )
    most = "With 95 % confidence at most"
    assert first.startswith(f"{most} 25.9 % of reactions are slower than the limit: A-01, A-03 (10 trials of each")
    assert second.startswith(f"{most} 45.1 % of reactions are slower than the limit: A-02 (5 trials of each")


@pytest.mark.parametrize("late", [60.0, 49.8, None])
def test_what_was_late_or_could_not_be_told_counts_against_it(run, tmp_path, late):
    (text, _) = said(run, tmp_path, requirement("A-01", latencies(9.0, 9.0, 9.0, 9.0, late)))
    assert "5 trials of each measurement at the fewest, 1 of them late or undecided" in text
    assert "at most 65.8 %" in text


def test_nothing_is_claimed_of_what_was_not_drawn_at_random_or_not_measured(run, tmp_path):
    nothing = [
        requirement("A-01", latencies(9.0, drawn=False)),
        requirement("A-02"),
        requirement("A-03", latencies(voids=1)),
    ]
    assert len(said(run, tmp_path, *nothing)) == 1


def matrix(folder, *outcomes, trials=5, **more):
    defects = [{"kind": "controller", "outcome": one, "name": f"{n}"} for n, one in enumerate(outcomes)]
    defects += [{"kind": "control", "outcome": "passed"}, {"kind": "part", "outcome": "survived"}]
    data = {"rig": "vcan0", "date": "2026-11-30", "seeds": 5, "trials": trials, "defects": defects} | more
    (folder / "defects-vcan0.json").write_text(json.dumps(data), "utf-8")


FIVE = requirement("A-01", latencies(*[9.0] * 5))


def test_the_share_of_the_defects_that_were_found_with_its_bound(run, tmp_path):
    matrix(tmp_path, *["killed"] * 19, "partly", "passed", "rejected")
    text = said(run, tmp_path, FIVE)[-1]
    assert text.startswith("A run with 5 trials finds 19 of 20 controllers with a seeded defect, 95.0 % (with 95 %")
    assert "at least 78.3 % of such)" in text


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"trials": 20}, "had 20 trials"),
        ({"trials": 0}, "had unknown trials"),
        ({"rig": "sim"}, "was not measured (v2g-bench qualify --rig=vcan0 --defects)"),
        ({"defects": []}, "tried no broken controller"),
    ],
)
def test_a_run_for_which_it_was_not_measured_says_so(run, tmp_path, more, why):
    matrix(tmp_path, "killed", **more)
    text = said(run, tmp_path, FIVE)[-1]
    assert text.startswith("Which share of seeded defects a run of this length finds was not measured")
    assert why in text


def test_a_part_of_the_suite_finds_no_share_that_was_measured(run, tmp_path):
    matrix(tmp_path, "killed")
    part = dataclasses.replace(run, profile=Profile(id="emulated", edition="1"))
    assert "it is a part of the suite" in said(part, tmp_path, FIVE, Requirement(id="B", title="b"))[-1]


def test_page_1_says_it(run, tmp_path):
    shown, _ = view(run, tmp_path)
    assert [text.partition(":")[0] for text in shown["proofs"]] == [
        *[text.partition(":")[0] for text in proofs(run, tmp_path)]
    ]
    assert len(shown["proofs"]) > 1
