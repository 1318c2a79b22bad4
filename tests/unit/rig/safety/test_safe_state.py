"""The way to the safe state: what is asked of whom, in which order, and when it may be called safe."""

import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from v2g_bench.clock import RealClock
from v2g_bench.errors import BenchError
from v2g_bench.inverter.address import InverterAddress
from v2g_bench.rig.safety import safe_state as safestate
from v2g_bench.rig.safety.safe_state import Reach, SafeState, SupplyOff, ended, runs, switch_off

INVERTER = InverterAddress()


class FakeLine:
    """A pack whose current flows until the bridge stops or the contactors open; its BMS may be silent or not listen."""

    can_ask = True

    def __init__(self, *, current_a=-9.0, silent=False, deaf=False):
        self.current_a, self.state, self.silent, self.deaf = current_a, 2.0, silent, deaf
        self.asked_s = []
        self._pipe, self._end = socket.socketpair()

    def fileno(self):
        return self._pipe.fileno()

    def received(self):
        return [] if self.silent else [{"pack_current": self.current_a}, {"contactor_state": self.state}]

    def ask_open(self, now_s):
        self.asked_s.append(now_s)
        if not self.deaf:
            self.current_a, self.state = 0.0, 0.0

    def close(self):
        self._pipe.close()
        self._end.close()


@pytest.fixture
def line(request):
    line = FakeLine(**getattr(request, "param", {}))
    yield line
    line.close()


@pytest.fixture
def inverter(monkeypatch, line):
    """The inverter's answers, one for each time that it is asked to stop: a text, or an error; the last one stays."""
    answers = ["stopped, 0 W"]

    def stop(address):
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        line.current_a = 0.0
        return answer

    monkeypatch.setattr(safestate, "stop_inverter", stop)
    return answers


def go(reach, *, full=True, give_up_s=5.0):
    began_s = time.monotonic()
    outcome = SafeState(reach, RealClock(), full=full, give_up_s=give_up_s).go()
    return outcome, time.monotonic() - began_s


def test_the_inverter_stops_and_then_the_contactors_open(line, inverter):
    outcome, _ = go(Reach(inverter=INVERTER, line=line))
    assert outcome.safe
    assert line.asked_s
    assert outcome.text == "inverter: stopped, 0 W; contactors open; current 0.00 A by the BMS"


def test_only_the_power_is_taken_where_the_run_goes_on(line, inverter):
    outcome, _ = go(Reach(inverter=INVERTER, line=line), full=False)
    assert outcome.safe
    assert not line.asked_s
    assert line.state == 2.0


def test_an_inverter_that_answers_late_is_asked_again(line, inverter):
    inverter[:] = [BenchError("inverter", "no answer"), BenchError("inverter", "no answer"), "stopped, 0 W"]
    outcome, took_s = go(Reach(inverter=INVERTER, line=line))
    assert outcome.safe
    assert "stopped, 0 W" in outcome.text
    assert took_s < 2.0


def test_contactors_open_under_current_where_the_inverter_does_not_answer(line, inverter):
    inverter[:] = [BenchError("inverter", "nothing accepts the connection")]
    outcome, _ = go(Reach(inverter=INVERTER, line=line))
    assert outcome.safe
    assert outcome.rest_s < 1.0
    assert "inverter: inverter: nothing accepts the connection" in outcome.text
    assert "contactors open" in outcome.text


@pytest.mark.parametrize("line", [{"deaf": True}], indirect=True)
def test_current_that_nobody_can_stop_is_never_called_safe(line, inverter):
    inverter[:] = [BenchError("inverter", "is in local control")]
    outcome, took_s = go(Reach(inverter=INVERTER, line=line), give_up_s=0.8)
    assert not outcome.safe
    assert took_s < 2.0
    assert "current -9.00 A by the BMS" in outcome.text


@pytest.mark.parametrize("error", [OverflowError("too large"), KeyError("role"), AssertionError()])
def test_a_frame_that_nobody_foresaw_does_not_keep_the_inverter_from_its_stop(line, inverter, monkeypatch, error):
    def broken(*_):
        raise error

    monkeypatch.setattr(line, "received", broken)
    monkeypatch.setattr(line, "ask_open", broken)
    outcome, _ = go(Reach(inverter=INVERTER, line=line))
    assert outcome.safe
    assert "inverter: stopped, 0 W" in outcome.text


@pytest.mark.parametrize("line", [{"silent": True}], indirect=True)
def test_where_the_bms_is_silent_the_inverter_s_word_counts(line, inverter):
    outcome, _ = go(Reach(inverter=INVERTER, line=line))
    assert outcome.safe
    inverter[:] = [BenchError("inverter", "no answer")]
    outcome, _ = go(Reach(inverter=INVERTER, line=line), give_up_s=0.8)
    assert not outcome.safe


class Truth:
    """An emulated world's own word about its pack: that of `line`, or another."""

    def __init__(self, line, current_a=None):
        self._line, self._current_a = line, current_a

    def fileno(self):
        return -1

    def received(self, now_s):
        current_a = self._line.current_a if self._current_a is None else self._current_a
        return [{"pack_current": current_a, "contactor_state": self._line.state}]


def test_where_the_world_itself_says_it_the_bms_is_not_believed(line, inverter):
    """A stimulus may show a current of zero, and open contactors, while current flows."""
    outcome, _ = go(Reach(inverter=INVERTER, line=line, truth=Truth(line, -9.0)), give_up_s=0.8)
    assert not outcome.safe
    assert "current -9.00 A by the emulated world" in outcome.text
    line.received = lambda: [{"pack_current": -9.0, "contactor_state": 2.0}]
    line.state = 2.0
    outcome, _ = go(Reach(inverter=INVERTER, line=line, truth=Truth(line)))
    assert outcome.safe
    assert outcome.text.endswith("contactors open; current 0.00 A by the emulated world")


def test_nothing_known_is_not_safe():
    outcome, _ = go(Reach(), give_up_s=0.3)
    assert not outcome.safe


def test_a_world_that_has_ended_carries_no_current():
    import os

    world = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    handle = os.pidfd_open(world.pid)
    try:
        assert not ended(handle)
        world.kill()
        world.wait()
        assert ended(handle)
        outcome, _ = go(Reach(inverter=INVERTER, world=handle))
        assert outcome.safe
        assert "the emulated world has ended" in outcome.text
    finally:
        world.stdin.close()
        os.close(handle)


def test_a_controller_is_ended_with_all_that_it_started(line, inverter):
    """The leader ends at once, and leaves a child in its group that does not."""
    child = "import signal, time; signal.signal(15, 1); print('up', flush=True); time.sleep(60)"
    program = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-S', '-c', {child!r}]); time.sleep(60)"
    leader = subprocess.Popen([sys.executable, "-S", "-c", program], start_new_session=True, stdout=subprocess.PIPE)
    try:
        assert leader.stdout.readline() == b"up\n"
        outcome, _ = go(Reach(inverter=INVERTER, line=line, groups={leader.pid}))
        assert outcome.safe
        assert "controller: killed" in outcome.text
        assert not runs(leader.pid)
        assert leader.wait(5) == -signal.SIGTERM
    finally:
        leader.kill()
        leader.wait()
        leader.stdout.close()


class Supply:
    """A supply on a raw socket: remembers whether its output is on. ahead: said once before its first answer."""

    def __init__(self, *, stuck=False, ahead=""):
        self.on, self.stuck, self.ahead = True, stuck, ahead
        self._server = socket.create_server(("127.0.0.1", 0))
        self.resource = f"TCPIP::127.0.0.1::{self._server.getsockname()[1]}::SOCKET"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client, client.makefile("rw") as lines:
                for line in lines:
                    if line.strip() == "OUTP OFF":
                        self.on = self.stuck
                    if "?" in line and self.ahead:
                        lines.write(f"{self.ahead}\n")
                        lines.flush()
                        self.ahead = ""
                        time.sleep(0.05)  # of its own: the answer comes after the bench has looked
                    if "?" in line:
                        lines.write(f"{int(self.on)}\n")
                        lines.flush()

    def close(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.mark.parametrize("stuck", [False, True])
def test_a_source_is_off_when_it_says_so(line, inverter, stuck):
    source = Supply(stuck=stuck)
    off = SupplyOff("dc", source.resource, ["OUTP OFF"], "OUTP?", "0")
    try:
        outcome, _ = go(Reach(inverter=INVERTER, line=line, sources=[off]), give_up_s=3.0)
        assert outcome.safe == (not stuck)
        assert ("dc: output off" in outcome.text) == (not stuck)
        assert source.on == stuck
        if stuck:
            with pytest.raises(BenchError, match=r"sources\.dc.*answers '1' to 'OUTP\?'"):
                switch_off(off)
    finally:
        source.close()


def test_a_line_that_a_source_says_unasked_does_not_make_it_off():
    source = Supply(stuck=True, ahead="0")
    try:
        with pytest.raises(BenchError, match=r"sources\.dc.*(out of step|answers '1')"):
            switch_off(SupplyOff("dc", source.resource, ["OUTP OFF"], "OUTP?", "0"))
        assert source.on
    finally:
        source.close()
