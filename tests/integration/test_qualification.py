"""The bench qualifies itself on the virtual rig: responder, plant, digitizer and bus as real processes."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from v2g_bench.commands.main import main
from v2g_bench.errors import BenchError
from v2g_bench.instruments.trigger_timing import read_timing
from v2g_bench.metrology.waveform import Waveform
from v2g_bench.qualification.responder_config import with_responder
from v2g_bench.qualification.responder_rig import Link, ResponderRig
from v2g_bench.qualification.result import fresh, read
from v2g_bench.qualification.run import QualificationPlan, qualify
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.file.state_folder import state_folder
from v2g_bench.rig.parts.instruments import Instruments
from v2g_bench.rig.parts.real import OpenRig
from v2g_bench.rig.parts.trigger_timing import timing_path

TRIALS = 2


@pytest.fixture(autouse=True)
def _state(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def rig(tmp_path):
    """The virtual rig, open, with the responder as its controller."""
    folder = tmp_path / "run"
    folder.mkdir()
    with OpenRig(with_responder(load_rig("virtual"), folder), folder, 1, strict=False, note=print) as parts:
        yield parts


def eventually(condition, within_s=10.0):
    until_s = time.monotonic() + within_s
    while not (value := condition()) and time.monotonic() < until_s:
        time.sleep(0.02)
    return value


def gone(pid):
    """Ended, whether or not its new parent has taken notice of it."""
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


@pytest.mark.timeout(240)
def test_a_short_qualification(tmp_path):
    loaded = load_rig("virtual")
    result = qualify(loaded, QualificationPlan(TRIALS, [20.0, 60.0], seed=4), tmp_path, note=print)
    assert result.truth == "the emulated world's own record"
    valid = [one for one in result.outcomes if not one.void]
    assert len(valid) == 2 * TRIALS, result.text
    for one in valid:
        # What the plant needs after the responder's stop is no secret: 4 ms to stop, and three time constants.
        assert one.delay_ms + 8.0 < one.true_ms < one.delay_ms + 30.0
        assert one.verdict == ("PASS" if one.delay_ms == 20.0 else "FAIL")
        assert one.expanded_ms <= 1.0
    assert result.verdict == "PASS", result.text
    assert len(result.floor) == 8
    assert read(result.save()) == result
    assert fresh(loaded, datetime.now(UTC)) == result


@pytest.mark.timeout(240)
def test_a_bench_whose_record_is_late_does_not_qualify(tmp_path, monkeypatch):
    fetch = Instruments.digitizer.fget

    class Late:
        """A digitizer whose records stand 0.5 ms too late, and who does not know."""

        def __init__(self, digitizer):
            self._digitizer = digitizer

        def __getattr__(self, name):
            return getattr(self._digitizer, name)

        def fetch(self, trigger_s):
            wave = self._digitizer.fetch(trigger_s)
            return Waveform(wave.start_s + 0.000_5, wave.dt_s, wave.samples)

    monkeypatch.setattr(Instruments, "digitizer", property(lambda meters: Late(fetch(meters))))
    result = qualify(load_rig("virtual"), QualificationPlan(1, [20.0, 60.0], seed=4), tmp_path, note=print)
    assert result.verdict == "FAIL", result.text
    assert "the truth lay within U in 0.0 %" in result.text


def breaks(monkeypatch, part, defects):
    """The rig is opened with a broken part."""
    enter = ResponderRig.__enter__

    def broken(operating_point):
        operating_point.parts.world.plant.client.set_defects(part, **defects)
        return enter(operating_point)

    monkeypatch.setattr(ResponderRig, "__enter__", broken)


@pytest.mark.timeout(240)
def test_a_bench_with_a_wrong_time_base_does_not_qualify(tmp_path, monkeypatch):
    breaks(monkeypatch, "meters.dc_current", {"time_base": 0.02})
    result = qualify(load_rig("virtual"), QualificationPlan(1, [20.0, 60.0], seed=4), tmp_path, note=print)
    assert result.verdict == "FAIL", result.text
    assert "the truth lay within U in 0.0 %" in result.text


@pytest.mark.timeout(240)
def test_an_inverter_that_ignores_the_stop_does_not_qualify(tmp_path, monkeypatch):
    """The responder leaves the contactors closed: nothing else stops the current, and nothing else can hide this."""
    breaks(monkeypatch, "plant", {"ignore_stop": True})
    with pytest.raises(BenchError, match="acknowledged the stop, and the current goes on"):
        qualify(load_rig("virtual"), QualificationPlan(1, [20.0, 60.0], seed=4), tmp_path, note=print)


@pytest.mark.timeout(240)
def test_behind_a_gateway_a_step_of_the_mark_is_the_truth(tmp_path):
    """As with real parts: nobody is asked what the world knows, and no power flows."""
    result = qualify(
        load_rig("gateway"), QualificationPlan(TRIALS, [20.0, 60.0], seed=4, by="mark"), tmp_path, note=print
    )
    assert result.verdict == "PASS", result.text
    assert "mark" in result.truth
    for one in result.outcomes:
        if not one.void:
            assert one.delay_ms <= one.true_ms < one.delay_ms + 10.0
            assert one.power_w == 0.0


@pytest.mark.timeout(240)
def test_by_the_mark_a_wrong_time_base_does_not_qualify(tmp_path, monkeypatch):
    breaks(monkeypatch, "meters.dc_current", {"time_base": -0.1})
    result = qualify(load_rig("virtual"), QualificationPlan(1, [20.0, 60.0], seed=4, by="mark"), tmp_path, note=print)
    assert result.verdict == "FAIL", result.text
    assert "the truth lay within U in 0.0 %" in result.text


@pytest.mark.timeout(240)
def test_a_mark_that_does_not_reach_the_digitizer_is_said(tmp_path, monkeypatch):
    breaks(monkeypatch, "meters.dc_current", {"scale": 0.0})
    with pytest.raises(BenchError, match=r"(?s)sync\.mark.*does its wire reach the digitizer's input"):
        qualify(load_rig("virtual"), QualificationPlan(1, [20.0, 60.0], seed=4, by="mark"), tmp_path, note=print)


@pytest.mark.timeout(120)
def test_the_responder_keeps_its_delay_and_serves_a_bench(rig):
    assert rig.world.plant is not None
    with ResponderRig(rig, str(rig.runtime / "ems")) as operating_point:
        assert operating_point.bench.controller.must("status").out.startswith('{"ok": true')
        outcome = operating_point.trial(30.0, 3000.0, 0.0)
        last = operating_point.link.ask("last")["last"]
        # It may be late on a busy machine; it is never early.
        assert last["written_s"] - last["received_s"] >= 0.0299
        assert outcome.power_w == 3000.0
    # At rest nothing is driven and the contactors open.
    assert eventually(lambda: rig.bus.latest("contactor_state") == 0)
    assert not rig.world.plant.client.status()["bridge_on"]


@pytest.mark.timeout(120)
def test_a_responder_that_died_is_said_and_nothing_else(rig):
    socket_path = str(rig.runtime / "ems")
    operating_point = ResponderRig(rig, socket_path)
    os.kill(rig.dut.controller._process.pid, signal.SIGKILL)
    with pytest.raises(BenchError, match="responder: (has ended|does not answer to power)"), operating_point:
        operating_point.trial(30.0, 3000.0, 0.0)
    with pytest.raises(BenchError, match="responder: is not at"):
        ResponderRig(rig, socket_path)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_responder_ends_with_its_parent_and_leaves_the_rig_safe(rig, tmp_path, how):
    """SIGKILL: the parent is killed and says nothing more; SIGTERM: the responder itself is told to end."""
    rig.dut.controller.stop()
    command = [
        sys.executable,
        "-m",
        "v2g_bench.qualification.responder",
        "--config",
        str(rig.folder / "responder.toml"),
    ]
    command += ["--log", str(tmp_path / "log"), "--socket", str(rig.runtime / "two")]
    command += ["--inverter", "{}:{}".format(*rig._inverter_at)]
    for name in ("interface", "channel"):
        command += [f"--{name}", str(rig._bus_choice[name])]
    start = (
        "import subprocess, sys; p = subprocess.Popen(sys.argv[1:], start_new_session=True); print(p.pid, flush=True); "
    )
    with subprocess.Popen(
        [sys.executable, "-c", start + "sys.stdin.read()", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        pid = int(parent.stdout.readline())
        try:
            assert eventually((tmp_path / "log").exists), "the responder does not start"
            link = Link(str(rig.runtime / "two"))
            link.ask("power", "3000")
            assert eventually(lambda: rig.inverter.reading().ac_power_w > 2900)
            os.kill(parent.pid if how == signal.SIGKILL else pid, how)
            assert eventually(lambda: gone(pid)), "the responder outlives its parent"
            link.close()
        finally:
            parent.kill()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not rig.world.plant.client.status()["bridge_on"])
    assert eventually(lambda: rig.bus.latest("contactor_state") == 0)


@pytest.mark.timeout(120)
def test_calibrate_finds_the_trigger_and_keeps_it(tmp_path, capsys):
    assert main(["calibrate", "--rig=virtual", "--pulses", "20"]) == 0
    assert "trigger latency" in capsys.readouterr().out
    loaded = load_rig("virtual")
    timing = read_timing(timing_path(loaded))
    assert timing.pulses == 20
    # The emulated meter's trigger takes effect 1 us after the edge; its sample grid runs free.
    assert abs(timing.offset_s - 1e-6) <= timing.expanded_s
    assert timing.expanded_s < 10e-6


@pytest.mark.timeout(120)
def test_a_qualification_by_command(capsys):
    assert main(["qualify", "--rig=virtual", "--trials", "1", "--delays", "20,60", "--seed", "2"]) == 0
    out = capsys.readouterr().out
    assert "delay of the responder" in out
    assert "PASS  2 trials" in out
    assert (state_folder() / "virtual.json").exists()
    assert main(["qualify", "--check"]) == 0
