"""The open rig with the responder on it, and one trial there.

A trial takes the very path of a certification: the bench's recording, injection, stall monitor and decision rule.
"true" is when the frame was handed to the bus, as the plant or the gateway that sent it knows, and when the current fell:
by the plant's own record, or with real parts by the responder, which drops a wire at the digitizer's input in the
current's place. It is compared with what was measured, and nothing that is measured depends on it.
"""

import dataclasses
import json
import socket
from types import TracebackType
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.evidence.reading import Latency
from v2g_bench.faults import OverTemperature
from v2g_bench.metrology.decision import DecisionRule, Limits
from v2g_bench.qualification.responder_config import DANGEROUS_C, ROLE, By
from v2g_bench.qualification.score import LIMIT_MS, Outcome
from v2g_bench.qualification.truth import Truth
from v2g_bench.rig.measuring.session import Session
from v2g_bench.rig.parts.real import OpenRig

INJECTED_C, CELL = 45.5, 1
AT_POWER_S = 5.0
LINK_S = 5.0
STOPPED_S = 0.1  # from an inverter's answer to a stop until its current must be gone


class Link:
    """The bench's line to the responder; BenchError when it does not answer or refuses."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(LINK_S)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise BenchError("responder", f"is not at {path}: {error}") from None
        self._lines = self._socket.makefile("rb")

    def ask(self, *words: str) -> dict[str, Any]:
        """One command, one answer."""
        try:
            self._socket.sendall(" ".join(words).encode() + b"\n")
            line = self._lines.readline()
        except OSError as error:
            raise BenchError("responder", f"does not answer to {words[0]}: {error}") from None
        if not line:
            raise BenchError("responder", "has ended", "see dut.stderr in the run folder")
        answer: dict[str, Any] = json.loads(line)
        if not answer["ok"]:
            raise BenchError("responder", str(answer["error"]))
        return answer

    def close(self) -> None:
        """Close the connection; the responder continues."""
        self._lines.close()
        self._socket.close()


class ResponderRig:
    """One open rig with the responder on it; leaving its `with` block brings the rig to rest."""

    def __init__(self, parts: OpenRig, socket_path: str, by: By = "plant") -> None:
        if parts.world.faults is None or (by == "plant" and parts.world.plant is None):
            raise BenchError(
                f"rig {parts.loaded.rig.name}",
                "has neither an emulated BMS nor a gateway before a real one: no dangerous frame can be sent",
            )
        self.parts, self._by, self._injector = parts, by, parts.world.faults
        self._plant = parts.world.plant.client if parts.world.plant is not None else None
        self._session = Session(parts)
        self.bench = self._session.bench
        self.link = Link(socket_path)
        self._judging = parts.loaded.rig.judging
        self._rule = DecisionRule(self._judging.rule)

    def __enter__(self) -> "ResponderRig":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.link.ask("rest")
        except BenchError:
            if error is None:  # else what went wrong first is what matters
                raise
        finally:
            self.link.close()

    def trial(self, delay_ms: float, power_w: float, phase_s: float) -> Outcome:
        """One isolation `delay_ms` after the frame, measured, judged, and compared with the truth."""
        self.link.ask("power", f"{power_w:.0f}", f"{delay_ms:.6g}")
        if self._by == "plant":
            self._wait_for_power(power_w)
        asked_s = self.parts.clock.now_s()
        hot = OverTemperature(CELL, INJECTED_C)
        with self.bench.recording() as trace, self.bench.inject(hot, phase_s=phase_s) as fault:
            latency = trace.isolation(after=fault.on_bus)
            power_w = power_w if self._by == "plant" else 0.0
            outcome = self._judged(latency, Outcome(delay_ms=delay_ms, power_w=power_w, phase_s=phase_s))
        return self._compared(latency, outcome, asked_s)

    def _wait_for_power(self, power_w: float) -> None:
        near_w = max(0.02 * abs(power_w), 0.002 * self.parts.loaded.rig.inverter.rated_power_w)
        if not self.bench.wait_until(
            lambda: abs(self.parts.inverter.reading().ac_power_w - power_w) <= near_w, AT_POWER_S, 0.01
        ):
            found_w = self.parts.inverter.reading().ac_power_w
            raise BenchError("responder", f"asked for {power_w:.0f} W, the inverter stands at {found_w:.0f} W")

    def _judged(self, latency: Latency, outcome: Outcome) -> Outcome:
        """The verdict that a certification would give, without knowledge of the true times."""
        self.parts.dut.controller.require_alive()
        t1_s = latency.t1_s if latency.t1_s is not None else latency.t0_s + LIMIT_MS / 1000.0
        void = latency.unclear or self._session.parts.bus.disturbed(latency.t0_s, t1_s)
        verdict = latency.judged(self._rule, Limits(high=LIMIT_MS, unit="ms")).verdict
        return dataclasses.replace(
            outcome,
            measured_ms=latency.value,
            expanded_ms=latency.uncertainty.expanded if latency.uncertainty else None,
            verdict=str(verdict),
            void=void,
            note=latency.failed,
        )

    def _compared(self, latency: Latency, outcome: Outcome, asked_s: float) -> Outcome:
        """The outcome beside the plant's own record."""
        frame = self._injector.truth_frame(ROLE, DANGEROUS_C, asked_s)
        if frame is None:
            raise BenchError("qualification", "nobody sent a dangerous frame, and the bench has seen one")
        last = self.link.ask("last")["last"] or {}
        written_s, answered_s = last.get("written_s", 0.0), last.get("answered_s", 0.0)
        if self._plant is not None and self._by == "plant":
            gone_s, half_s = self._plant.truth_isolation(sum(frame) / 2, self._judging.isolation_fraction), 0.0
        else:
            gone_s, half_s = (written_s + answered_s) / 2 or None, (answered_s - written_s) / 2
            last = {}  # its times are the truth itself
            if latency.unclear:
                raise BenchError("sync.mark", f"is up: {latency.unclear}", "does its wire reach the digitizer's input?")
        if latency.t1_s is None and answered_s and answered_s + STOPPED_S < latency.waveform.end_s:
            raise _still_flowing(self._by)
        truth = Truth(frame, gone_s, self.parts.clock.now_s(), last, half_s)
        return truth.beside(outcome, latency.t0_s, latency.t1_s, latency.waveform.end_s)


def _still_flowing(by: By) -> BenchError:
    if by == "mark":
        return BenchError("sync.mark", "is down, and the digitizer still sees it up", "what else reaches its input?")
    return BenchError(
        "inverter", "has acknowledged the stop, and the current goes on", "can it stop? does it obey Modbus?"
    )
