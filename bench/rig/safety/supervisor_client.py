"""The bench's end of the supervisor: started with the rig, informed of what is opened, asked for the safe state, closed last.

    guard = SupervisorClient(record=folder / "supervisor.jsonl")
    guard.start()
    guard.watch(4711)            from now on this process group ends with the bench
    guard.make_safe("the run is over")
    guard.close()

The supervisor (see `supervisor`) acts as soon as this process has ended, for any reason.
"""

import contextlib
import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.rig.safety.safe_state import GIVE_UP_S

HEARTBEAT_S = 0.5
FRESH_S = 3.0  # a supervisor reports each second
SILENT_S = 10.0  # one that has sent nothing for this long would not act either
LOOK_S = 0.01
STOPPED = "was it stopped, or is the machine overloaded?"
SEND_S = 5.0
START_S = 30.0
STOP_S = 20.0


class SupervisorClient:
    """One supervisor process for as long as the rig is open. record: where it writes what it did; give_up_s: after how
    long a way to the safe state is called not safe.

    `lifeline` is the file descriptor that the emulated world gets as its standard input.
    """

    def __init__(self, record: Path | None = None, give_up_s: float = GIVE_UP_S) -> None:
        self._record, self._give_up_s = record, give_up_s
        self._process: subprocess.Popen[bytes] | None = None
        self._writing = threading.Lock()
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._closing = threading.Event()
        self._received_s = time.monotonic()
        self._gone = False
        self._tripped: dict[str, Any] | None = None
        self._problems: list[str] = []
        self.lifeline = -1
        self._line_end = -1

    @property
    def pid(self) -> int:
        """The supervisor's process id; BenchError while there is none."""
        if self._process is None:
            raise BenchError("supervisor", "is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the process. Commands meanwhile wait in the pipe, also if this process is killed in the next moment."""
        self.lifeline, self._line_end = os.pipe()
        command = [sys.executable, "-m", "v2g_bench.rig.safety.supervisor", str(self._line_end)]
        self._process = process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[self._line_end],
            start_new_session=True,
            bufsize=0,
        )
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        self.send("begin", record=str(self._record) if self._record else None, give_up_s=self._give_up_s)
        self._received_s = time.monotonic() + START_S
        for target in (self._receive, self._send_heartbeat):
            threading.Thread(target=target, name=f"guard{target.__name__}", daemon=True).start()

    def send(self, do: str, **values: Any) -> None:
        """One command to the supervisor; BenchError if it does not read."""
        process = self._process
        if process is None or process.stdin is None or self._gone:
            return  # `check` reports it
        left = memoryview(json.dumps({"do": do, **values}).encode() + b"\n")
        until_s = time.monotonic() + SEND_S
        waiting = select.poll()
        waiting.register(process.stdin, select.POLLOUT)
        with self._writing:
            while left and not self._gone:
                if not waiting.poll(max(0.0, until_s - time.monotonic()) * 1000):
                    raise BenchError("supervisor", f"has not listened for {SEND_S:g} s", "is the machine overloaded?")
                try:
                    left = left[os.write(process.stdin.fileno(), left) :]
                except BlockingIOError:
                    continue
                except (OSError, ValueError):  # ValueError: it has been stopped meanwhile, its input is closed
                    self._gone = True

    def watch(self, group: int) -> None:
        """From now on this process group ends with the bench."""
        self.send("watch", group=group)

    def forget(self, group: int) -> None:
        """This group has ended."""
        self.send("forget", group=group)

    def check(self) -> None:
        """BenchError if the supervisor has made the rig safe on its own, or has ended and cannot."""
        if self._tripped is None:
            self._require_sign()
        if self._tripped is not None:
            raise BenchError("supervisor", self.tripped, "see supervisor.jsonl in the run folder")
        if self._gone:
            raise BenchError("supervisor", "has ended: nobody would bring the rig to its safe state", "was it killed?")
        if self._problems:
            raise BenchError("supervisor", self._problems[0])

    def _require_sign(self) -> None:
        """Wait for a sign of life where the last one is old. BenchError where none comes: nobody could have acted.

        One that was stopped is made to go on, for nothing else brings the rig to its safe state.
        """
        last_s, asked_s = self._received_s, time.monotonic()
        if asked_s - last_s <= FRESH_S:
            return
        while self._received_s == last_s and not self._gone:
            if (now_s := time.monotonic()) - asked_s > SILENT_S - FRESH_S:
                if self._process is not None:
                    self._process.send_signal(signal.SIGCONT)
                raise BenchError("supervisor", f"has given no sign of life for {now_s - last_s:.0f} s", STOPPED)
            time.sleep(LOOK_S)

    @property
    def tripped(self) -> str:
        """Why the supervisor has made the rig safe, and how that went; "" if it has not."""
        if self._tripped is None:
            return ""
        ending = "made the rig safe" if self._tripped["safe"] else "COULD NOT make the rig safe"
        return f"{ending}: {self._tripped['tripped']} ({self._tripped['text']})"

    def make_safe(self, why: str, within_s: float, *, full: bool = True) -> str:
        """The rig to its safe state, now; what was done. full: also ends the controller and opens the contactors.

        BenchError if it cannot be shown to be safe, or the current was not zero within this time.
        """
        self.check_alive()
        with contextlib.suppress(queue.Empty):
            while True:
                self._answers.get_nowait()
        self.send("safe", why=why, full=full)
        try:
            answer = self._answers.get(timeout=self._give_up_s + SEND_S)
        except queue.Empty:
            raise BenchError("safe state", "the supervisor has not answered", "switch the rig off by hand") from None
        if not answer["safe"]:
            raise BenchError("safe state", f"NOT reached: {answer['text']}", "switch the rig off by hand")
        if answer["rest_s"] is not None and answer["rest_s"] > within_s:
            what = f"the current was zero after {answer['rest_s']:.2f} s, the rig states {within_s:g} s"
            raise BenchError("safe state", what, answer["text"])
        return str(answer["text"])

    def check_alive(self) -> None:
        """BenchError if there is no supervisor that could act."""
        if self._process is None or self._gone:
            raise BenchError("supervisor", "has ended: nobody would bring the rig to its safe state", "was it killed?")

    def close(self) -> None:
        """End the supervisor and what it still watches; BenchError if it had ended, or does not."""
        process = self._process
        if process is None:
            return
        gone = self._gone
        self._closing.set()
        assert process.stdin is not None
        with self._writing:
            process.stdin.close()
            self._process = None
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for end in (self.lifeline, self._line_end):
            os.close(end)
        if gone or process.returncode not in (0, 1):
            raise BenchError("supervisor", f"had ended by itself (status {process.returncode})", "was it killed?")
        if process.returncode == 1:
            raise BenchError("safe state", "NOT reached at the end", "switch the rig off by hand")

    def _receive(self) -> None:
        """Read the supervisor's output until it ends."""
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._sign(time.monotonic())
                message = json.loads(line)
                if "tripped" in message:
                    self._tripped = message
                elif "safe" in message:
                    self._answers.put(message)
                elif "problem" in message:
                    self._problems.append(message["problem"])
        self._gone = self._gone or not self._closing.is_set()

    def _sign(self, now_s: float) -> None:
        """A sign of life; one that comes late is a problem, for nobody watched the rig meanwhile."""
        if (gap_s := now_s - self._received_s) > SILENT_S:
            self._problems.append(f"gave no sign of life for {gap_s:.0f} s, in which nobody watched the rig; {STOPPED}")
        self._received_s = now_s

    def _send_heartbeat(self) -> None:
        """The heartbeat: this process is alive, and not stopped."""
        while not self._closing.wait(HEARTBEAT_S):
            with contextlib.suppress(BenchError):
                self.send("beat")
