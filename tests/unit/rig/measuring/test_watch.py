"""Powers that must not come, for a long time: what is asked for, what is recorded, what else is done; on the simulated rig."""

import pytest

from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring.session import Session
from v2g_bench.sim.rig import SimRig


@pytest.fixture
def bench(tmp_path):
    with SimRig(load_rig("sim"), tmp_path, seed=1, note=lambda text: None) as parts:
        session = Session(parts)
        session.prepare()
        yield session.bench


def test_all_that_an_operator_can_do_leaves_no_plan_behind(bench):
    replies = [command() for command in bench.power.watch.commands(but=("reset_trip",))]
    assert [reply.status for reply in replies] == [0] * len(replies)
    asked = " ".join(word for reply in replies for word in reply.command)
    assert "--reset-trip" not in asked
    assert "--reload" in asked
    status = bench.controller.must("status").out
    assert '"departure": null' in status
    assert '"forced_for_s": null' in status


def test_powers_are_watched_in_turn_and_nothing_is_left_unrecorded(bench, monkeypatch):
    monkeypatch.setattr("v2g_bench.rig.measuring.watch.RECORD_S", 2.0)
    done = []
    begun_s = bench.bus.now_s()
    traces = bench.power.watch(-500, 500, for_s=5.0, meanwhile=[lambda: done.append(bench.bus.now_s())] * 4)
    assert len(traces) == 3
    assert len(done) == 4
    assert sum(trace.waveform.end_s - trace.waveform.start_s for trace in traces) >= 5.0
    assert max(done) - begun_s > 3.0
    log = bench.controller.log.since_mark()
    assert "accepted -500 W" in log
    assert "accepted 500 W" in log
    assert min(trace.worst_discharge().value for trace in traces) > 0.5
