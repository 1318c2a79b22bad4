from v2g_bench.evidence.record import Evidence, Kind
from v2g_bench.reports.model.run import Measurement, Requirement, TestResult, Trial
from v2g_bench.reports.render.statements import (
    Result,
    limit_of,
    measurement_statement,
    requirement_result,
    requirement_statement,
    trials_text,
)


def test_the_worst_measurement_speaks_for_its_requirement(run):
    assert [requirement_statement(r) for r in run.requirements[:3]] == [
        "23.4 ms ± 0.3 ms", "61.3 ms ± 0.3 ms", "discharge of 212 W seen 1.84 s after 0x09BD",
    ]  # fmt: skip
    assert requirement_statement(Requirement(id="A", title="a")) == "not tested"
    broken = TestResult(nodeid="t", verdict="ERROR", reason="no answer\nis it on?")
    assert requirement_statement(Requirement(id="A", title="a", tests=[broken])) == "no answer"


def test_a_measurement_without_words_gives_its_figure():
    assert measurement_statement(Measurement(name="m", value=1.5, expanded=0.2, unit="V")) == "1.50 V ± 0.20 V"


def test_void_trials_are_counted_apart():
    trials = [Trial(index=1), Trial(index=2), Trial(index=3, void=True)]
    assert [trials_text(trials), trials_text([]), trials_text(trials[2:])] == [
        "2 trials, 1 void",
        "",
        "0 trials, 1 void",
    ]


def test_a_comparison_of_sources_speaks_only_where_nothing_else_does():
    sources = Measurement(name="sources of DC current", value=0.2, verdict="PASS", statement="agree, E_n = 0.2")
    own = Measurement(name="own frames", value=1.0, verdict="PASS", statement="50 frames, all protected")

    def message(*measurements):
        test = TestResult(nodeid="t", verdict="PASS", measurements=list(measurements))
        return requirement_statement(Requirement(id="R", title="r", verdict="PASS", tests=[test]))

    assert message(sources, own) == "50 frames, all protected"
    assert message(sources) == "agree, E_n = 0.2"


def test_the_table_shows_the_value_nearest_to_its_limit_with_this_limit():
    def latency(value, high, verdict="PASS"):
        text = f"{value} ms   limit <= {high} ms"
        return Measurement(
            name="time to isolation",
            value=value,
            expanded=0.1,
            unit="ms",
            limit_high=high,
            verdict=verdict,
            statement=text,
        )

    def result(*measurements):
        test = TestResult(nodeid="t", verdict="", measurements=list(measurements))
        return requirement_result(Requirement(id="R", title="r", limit="50 ms for a hot cell", tests=[test]))

    silence, hot = latency(106.0, 500.0), latency(40.0, 50.0)
    assert result(silence, hot) == Result("40.00 ms ± 0.10 ms", "time to isolation", "≤ 50 ms")
    late = result(silence, hot, latency(61.0, 50.0, "FAIL"))
    assert late == Result("61.00 ms ± 0.10 ms", "time to isolation", "≤ 50 ms")


def test_no_current_states_what_counts_as_none():
    none = Measurement(
        name="m", value=0.05, unit="A", limit_high=0.141, verdict="PASS", evidence=Evidence(kind=Kind.DISCHARGE)
    )
    assert limit_of(none) == "≤ 0.141 A counts as none"


def observed(name, value=1.0, text="yes", **others):
    return Measurement(name=name, value=value, limit_low=1.0, verdict="PASS", statement=f"{name}: {text}", **others)


def power(low, high):
    text = f"3000 W ± 7 W   limit {low} to {high} W"
    return Measurement(
        name="power", value=3000, expanded=7, unit="W", limit_low=low, limit_high=high, verdict="PASS", statement=text
    )


def of_requirement(limit, *measurements):
    test = TestResult(nodeid="t", verdict="PASS", measurements=list(measurements))
    return requirement_result(Requirement(id="R", title="r", limit=limit, verdict="PASS", tests=[test]))


def test_observations_show_how_many_there_were_and_what_was_found():
    frames = observed("protected frames were seen", text="yes (150 frames)")
    checked = observed("every checksum is right")
    found = of_requirement("every frame", frames, checked)
    assert found == Result(
        "2 of 2 observations as required",
        "protected frames were seen (150 frames); every checksum is right",
        observed=True,
    )
    long = of_requirement("x", *[observed(f"o{n}", text=f"yes ({'x' * 200})") for n in range(5)])
    assert long == Result("5 of 5 observations as required", "o0; o1; o2; and 2 more", observed=True)


def test_what_was_compared_most_often_comes_first():
    said = observed("trip", value=132.0, text="132 times compared in 145 tests, 0 contradictions")
    found = of_requirement("no contradiction", observed("told before"), said, power(2400, 3600))
    assert found.text == "2 of 2 observations as required"
    assert found.about == "trip: 132 times compared in 145 tests, 0 contradictions; told before"


def test_a_power_beside_observations_is_the_result_where_the_limit_speaks_of_power():
    assert of_requirement("none", observed("no code"), power(2400, 3600)).text == "1 of 1 observations as required"
    for limit in ("power as asked again", "at most 3 kW"):
        assert of_requirement(limit, observed("no code"), power(2400, 3600)).text.startswith("3000.0 W")
    assert of_requirement("none", power(2400, 3600)).text.startswith("3000.0 W")


def test_an_observation_that_failed_speaks_for_itself():
    wrong = Measurement(name="no code", value=0.0, limit_low=1.0, verdict="FAIL", statement="no code: no (0x0B22)")
    test = TestResult(nodeid="t", verdict="FAIL", measurements=[observed("a"), wrong])
    found = requirement_result(Requirement(id="R", title="r", limit="none", verdict="FAIL", tests=[test]))
    assert found.text == "no code: no"
