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
