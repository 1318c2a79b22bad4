"""The subcommands as they are called."""

from datetime import UTC, datetime

import pytest

from v2g_bench.commands.main import main
from v2g_bench.qualification.result import QualificationResult, rig_hash, this_bench
from v2g_bench.qualification.score import Outcome, score
from v2g_bench.rig.file.load import load_rig


@pytest.fixture
def state(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def test_check_says_that_there_is_none(state, capsys):
    assert main(["qualify", "--check"]) == 1
    assert "has not been qualified" in capsys.readouterr().out


def test_check_says_what_counts(state, capsys):
    outcomes = [
        Outcome(delay_ms=40, measured_ms=48.0, expanded_ms=0.2, verdict="PASS", true_ms=48.0),
        Outcome(delay_ms=60, measured_ms=68.0, expanded_ms=0.2, verdict="FAIL", true_ms=68.0),
    ]
    QualificationResult.of(
        score(outcomes, 2),
        rig="virtual",
        rig_sha256=rig_hash(load_rig("virtual")),
        date=datetime.now(UTC).isoformat(),
        duration_s=1.0,
        seed=1,
        stamps="kernel",
        truth="the plant",
        bench=this_bench(),
        floor=(),
        outcomes=tuple(outcomes),
    ).save()
    assert main(["qualify", "--check"]) == 0
    assert "PASS of" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["qualify", "--rig", "hardware-example", "--truth", "plant"], "--truth=mark"),
        (["qualify", "--rig", "nowhere"], "no such rig"),
        (["calibrate", "--pulses", "2"], "too little"),
    ],
)
def test_a_wrong_call_is_answered(state, capsys, words, message):
    assert main(words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("--delays", "5,fast", "'fast' is not a number from 0 to 1000"),
        ("--delays", "5,inf", "'inf' is not a number from 0 to 1000"),
        ("--trials", "0", "'0' is not a whole number from 1 to"),
        ("--seed", "-1", "'-1' is not a whole number from 0 to"),
    ],
)
def test_numbers_that_cannot_be(state, capsys, option, text, message):
    with pytest.raises(SystemExit):
        main(["qualify", f"{option}={text}"])
    assert message in capsys.readouterr().err
