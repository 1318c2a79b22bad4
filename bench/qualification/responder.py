"""A controller that isolates a known time after the dangerous frame: what the bench is qualified with.

    python -m v2g_bench.qualification.responder --config responder.toml --interface v2g_userland --channel PATH
        --inverter 127.0.0.1:502 --plant PATH --socket PATH --log PATH
    python -m v2g_bench.qualification.responder --ask PATH power -3000 49.5

A process of its own that shares no code with what measures: it picks the bits, speaks Modbus and keeps the time by
itself. With [line] in its configuration it switches the sync line's mark in the inverter's place (`responder_line`),
and sends nothing on the bus. The bus is python-can's, whatever the rig's is. It ends, with the inverter stopped and the
contactors asked to open, on SIGTERM and when the process that started it is gone.

    resting --power--> armed --(frame with the dangerous value)--> waiting --(delay over)--> isolated --power--> armed
    any --rest--> resting

Commands, a line each on its UNIX socket; the answer is one JSON object:

    power WATTS [DELAY_MS]   close the contactors, run the inverter at this AC power (+ = charge), be armed
    rest                     stop the inverter, ask the contactors to open
    last                     when the dangerous frame came, the stop was written, and the inverter had answered
"""

import argparse
import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from v2g_bench.qualification.responder_line import Line
from v2g_bench.qualification.responder_wire import CommandFrame, Danger, Inverter

# A processor that spins looks stalled to whoever watches it; a sleeping process is woken with less error than this.
SPIN_S = 0.000_5
PARENT_S = 0.2
ASK_S = 5.0


@dataclass
class Reaction:
    """Bench-clock times (s) of one isolation: the frame arrived, the stop was written, the inverter had answered."""

    received_s: float
    written_s: float = 0.0
    answered_s: float = 0.0


class Responder:
    """What it does and when; times are given, what it wants done is returned."""

    def __init__(self, danger: Danger) -> None:
        self._danger = danger
        self.state = "resting"
        self.delay_s = 0.05
        self.due_s: float | None = None
        self.last: Reaction | None = None

    @property
    def contactors_closed(self) -> bool:
        """They stay closed between two isolations, or every one would wait for a precharge."""
        return self.state != "resting"

    def arm(self, delay_s: float | None) -> None:
        """React to the next dangerous frame, this long after it."""
        if delay_s is not None:
            self.delay_s = delay_s
        self.state, self.due_s, self.last = "armed", None, None

    def rest(self) -> None:
        """React to nothing."""
        self.state, self.due_s = "resting", None

    def on_frame(self, frame_id: int, is_extended: bool, data: bytes, now_s: float) -> None:
        """A frame that arrived at `now_s`."""
        if self.state == "armed" and self._danger.is_in(frame_id, is_extended, data):
            self.state, self.due_s, self.last = "waiting", now_s + self.delay_s, Reaction(now_s)

    def isolated(self, written_s: float, answered_s: float) -> None:
        """The stop has been written."""
        self.state, self.due_s = "isolated", None
        if self.last is not None:
            self.last.written_s, self.last.answered_s = written_s, answered_s


class Shell:
    """The sockets around one Responder."""

    def __init__(self, config: dict[str, Any], options: argparse.Namespace) -> None:
        import can  # not needed to ask

        self._parent = os.getppid()
        self._log_path = Path(options.log)
        self.core = Responder(Danger(**config["danger"]))
        # Where the real controller may still be on the bus, nothing is sent in its place.
        self._command = CommandFrame(**config["command"]) if "command" in config else None
        self._bus = can.Bus(channel=options.channel, interface=options.interface, fd=bool(config["bus"]["fd"]))
        self._inverter: Inverter | Line
        if "line" in config:
            self._inverter = Line(**{"device": options.plant, **config["line"]})
        else:
            host, _, port = options.inverter.rpartition(":")
            self._inverter = Inverter(host, int(port), config["inverter"]["unit_id"])
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        Path(options.socket).unlink(missing_ok=True)
        self._server.bind(options.socket)
        self._server.listen()
        self._clients: dict[socket.socket, bytes] = {}
        self._ending = False

    def run(self) -> None:
        """Serve until the end is asked for."""
        signal.signal(signal.SIGTERM, lambda *_: self._end())
        for number in (signal.SIGINT, signal.SIGHUP):  # these are for the parent, which ends this in order
            signal.signal(number, signal.SIG_IGN)
        self._print(f"ready, inverter models {self._inverter.models}")
        command_s = parent_s = time.monotonic()
        try:
            while not self._ending:
                now_s = time.monotonic()
                if self._command is not None and now_s >= command_s:
                    self._bus.send(self._command.message(self.core.contactors_closed))
                    command_s = max(command_s + self._command.cycle_s, now_s)
                if now_s >= parent_s:
                    self._ending |= os.getppid() != self._parent
                    parent_s = now_s + PARENT_S
                self._wait(min(command_s, parent_s) if self._command is not None else parent_s)
        finally:
            self._close()

    def _wait(self, until_s: float) -> None:
        """Sleep until then, or until the isolation is due, or something arrives."""
        due_s = self.core.due_s
        if due_s is not None and due_s - time.monotonic() <= SPIN_S:
            spin_until(due_s)
            self._isolate()
            return
        wake_s = until_s if due_s is None else min(until_s, due_s - SPIN_S)
        watched: list[int | socket.socket] = [self._bus.fileno(), self._server, *self._clients]
        ready, _, _ = select.select(watched, [], [], max(0.0, wake_s - time.monotonic()))
        for one in ready:
            if one is self._server:
                self._clients[self._server.accept()[0]] = b""
            elif isinstance(one, socket.socket):
                self._receive_from_client(one)
            else:
                self._receive_from_bus()

    def _receive_from_bus(self) -> None:
        while (message := self._bus.recv(0)) is not None:
            self.core.on_frame(message.arbitration_id, message.is_extended_id, bytes(message.data), time.monotonic())

    def _isolate(self) -> None:
        self.core.isolated(*self._inverter.stop())
        self._inverter.set_power(0.0)
        self._print(f"isolated {1000 * self.core.delay_s:g} ms after the frame")

    def _receive_from_client(self, client: socket.socket) -> None:
        data = client.recv(4096)
        if not data:
            del self._clients[client]
            client.close()
            return
        *lines, self._clients[client] = (self._clients[client] + data).split(b"\n")
        for line in lines:
            client.sendall(json.dumps(self._answer(line.decode().split())).encode() + b"\n")

    def _answer(self, words: list[str]) -> dict[str, Any]:
        try:
            match words:
                case ["power", watts, *delay] if len(delay) < 2:
                    self.core.arm(float(delay[0]) / 1000.0 if delay else None)
                    self._inverter.set_power(float(watts))
                    self._inverter.start()
                case ["rest"]:
                    self.core.rest()
                    self._inverter.set_power(0.0)
                    self._inverter.stop()
                case ["last"]:
                    last = self.core.last
                    return {"ok": True, "state": self.core.state, "last": asdict(last) if last else None}
                case _:
                    return {"ok": False, "error": f"unknown command {' '.join(words)!r}"}
        except ValueError as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True, "state": self.core.state}

    def _end(self) -> None:
        self._ending = True

    def _print(self, text: str) -> None:
        with self._log_path.open("a", encoding="utf-8") as log:
            log.write(f"{time.monotonic():.6f} responder: {text}\n")

    def _close(self) -> None:
        """Leave the world safe, each part independently: the others may have ended already."""
        import can

        with contextlib.suppress(OSError, ValueError):
            self._inverter.stop()
        if self._command is not None:
            with contextlib.suppress(can.CanError):
                self._bus.send(self._command.message(closed=False))
        self._inverter.close()
        self._bus.shutdown()
        for one in (*self._clients, self._server):
            one.close()


def spin_until(due_s: float) -> None:
    """Wait without giving up the processor; on a clock that stands still while one computes, sleep the rest."""
    last_s = -1.0
    while (now_s := time.monotonic()) < due_s:
        if now_s == last_s:
            time.sleep(due_s - now_s)
        last_s = now_s


def ask(path: str, words: list[str]) -> dict[str, Any]:
    """One command to a running responder, and its answer. OSError if there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(ASK_S)
        client.connect(path)
        client.sendall(" ".join(words).encode() + b"\n")
        answer: dict[str, Any] = json.loads(client.makefile("rb").readline() or b'{"ok": false, "error": "it ended"}')
        return answer


def main(arguments: list[str]) -> int:
    """Exit status 0 done, 1 refused, 2 cannot start."""
    parser = argparse.ArgumentParser("responder")
    parser.add_argument("--ask", nargs="+", metavar="WORD", help="socket of a running responder, and a command for it")
    for name in ("config", "interface", "channel", "inverter", "plant", "socket", "log"):
        parser.add_argument(f"--{name}")
    options = parser.parse_args(arguments)
    try:
        if options.ask:
            answer = ask(options.ask[0], options.ask[1:])
            print(json.dumps(answer))
            return 0 if answer["ok"] else 1
        shell = Shell(tomllib.loads(Path(options.config).read_text(encoding="utf-8")), options)
    except (OSError, ValueError, TypeError, KeyError) as error:
        print(f"responder: {error!r}", file=sys.stderr)
        return 2
    shell.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
