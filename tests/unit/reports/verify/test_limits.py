"""Limits against the requirement's own figures, those of the rig that it names, and those of one that it points to."""

import dataclasses

import pytest

from v2g_bench.evidence.record import Evidence, Kind, observed
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.run import Measurement
from v2g_bench.reports.verify.limits import check_limits

from .conftest import texts_of

found = texts_of(check_limits)


@pytest.fixture
def run(kept, tmp_path):
    return kept.kept_run(tmp_path)


def judged(run, kept, folder, measurement, limit="50 ms"):
    """The run with one measurement of a requirement with this limit."""
    (one,) = run.requirements
    text = kept.WORDING.replace("limit: 50 ms", f"limit: {limit}")
    (folder / "requirements/SAF-01.md").write_text(text)
    (folder / "requirements/SAF-02.md").write_text(kept.WORDING.replace("limit: 50 ms", "limit: 70 ms"))
    test = dataclasses.replace(one.tests[0], measurements=[measurement])
    return dataclasses.replace(run, requirements=[dataclasses.replace(one, limit=limit, tests=[test])])


def latency(high_ms):
    return Measurement(name="m", unit="ms", value=1.0, limit_high=high_ms, evidence=Evidence(kind=Kind.LATENCY))


def test_the_requirements_own_limit_fits(run, tmp_path):
    assert found(run, tmp_path) == []


@pytest.mark.parametrize(
    ("limit", "high_ms", "fits"),
    [
        ("50 ms", 50.0, True),
        ("50 ms", 51.0, False),
        ("0.05 s", 50.0, True),
        ("judging.silence_limit_ms", 500.0, True),
        ("judging.silence_limit_ms", 501.0, False),
        ("judging.fallback_s from the frame", 500.0, True),
        ("as SAF-02", 70.0, True),
        ("as SAF-02", 50.0, False),
        ("none", 50.0, False),
    ],
)
def test_a_latency_is_judged_against_what_is_stated(run, kept, tmp_path, limit, high_ms, fits):
    assert (found(judged(run, kept, tmp_path, latency(high_ms), limit), tmp_path) == []) == fits


@pytest.mark.parametrize(
    ("measurement", "limit", "fits"),
    [
        (Measurement(name="m", value=1.0, limit_low=1.0, evidence=observed()), "none", True),
        (Measurement(name="m", value=1.0, limit_low=0.0, evidence=observed()), "none", False),
        (Measurement(name="m", value=0.5, limit_high=1.0, evidence=Evidence(kind=Kind.WITNESSES)), "none", True),
        (Measurement(name="m", value=0.5, limit_high=5.0, evidence=Evidence(kind=Kind.WITNESSES)), "none", False),
    ],
)
def test_what_was_seen_or_compared_has_one_limit(run, kept, tmp_path, measurement, limit, fits):
    assert (found(judged(run, kept, tmp_path, measurement, limit), tmp_path) == []) == fits


@pytest.mark.parametrize(("high_a", "fits"), [(50 / 350, True), (3500 / 350, False), (0.0, False)])
def test_no_current_is_what_the_rig_states(run, kept, tmp_path, high_a, fits):
    evidence = Evidence(kind=Kind.DISCHARGE)
    m = Measurement(
        name="discharge current after", quantity="discharge current", unit="A", limit_high=high_a, evidence=evidence
    )
    assert (found(judged(run, kept, tmp_path, m, "none"), tmp_path) == []) == fits


@pytest.mark.parametrize(("low_w", "high_w", "fits"), [(-3060.0, -2940.0, True), (-3600.0, -2400.0, False)])
def test_power_is_judged_within_the_rigs_tolerance(run, kept, tmp_path, low_w, high_w, fits):
    m = Measurement(name="m", unit="W", limit_low=low_w, limit_high=high_w, evidence=Evidence(kind=Kind.MEAN))
    assert (found(judged(run, kept, tmp_path, m, "within the rig's tolerance"), tmp_path) == []) == fits


@pytest.mark.parametrize("key", ["title", "family", "source", "limit", "method", "text"])
def test_what_the_results_say_otherwise_than_the_file_is_found(run, tmp_path, key):
    other = dataclasses.replace(run.requirements[0], **{key: "other"})
    assert any("another text" in one or f"its {key}" in one for one in found(with_(run, other), tmp_path))


def with_(run, requirement):
    return dataclasses.replace(run, requirements=[requirement])


def test_a_requirement_without_its_file_is_found_and_a_run_without_any_is_said_to_have_none(run, tmp_path):
    other = dataclasses.replace(run.requirements[0], id="SAF-09")
    assert "has no file" in found(with_(run, other), tmp_path)[0]
    (tmp_path / "requirements/SAF-01.md").unlink()
    result = Verification()
    check_limits(tmp_path, run, result)
    assert (result.findings, len(result.impossible)) == ([], 1)
