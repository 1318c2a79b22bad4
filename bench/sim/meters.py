"""The meters of a simulation: the drivers and the emulated instruments of the emulated rigs, without a wire between.

A program message is carried out in the instant in which it is sent; an answer that takes the instrument its time takes
that time here, and nothing more. VISA, HiSLIP and TCP are left out.
"""

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from v2g_bench.instruments.answers import LINE_BYTES, AnswerError, Block, Due, Line, block_bytes
from v2g_bench.instruments.emulated.calls import Exchange
from v2g_bench.instruments.emulated.meter import EmulatedMeter
from v2g_bench.instruments.registry import driver_named
from v2g_bench.instruments.session import Question, ScpiSession
from v2g_bench.sim.timeline import Timeline


class DirectSession(ScpiSession):
    """A session whose other end is the instrument itself. Whoever asks moves the time forward until it answers."""

    def __init__(self, instrument: EmulatedMeter, timeline: Timeline, where: str, timeout_s: float = 2.0) -> None:
        self.resource = "simulated"
        self.timeout_s = timeout_s
        self.where = where
        self.error_query = "SYST:ERR?"
        self.clock = timeline
        self._timeline = timeline
        self._instrument: EmulatedMeter | None = instrument
        self._lock = threading.RLock()  # `ScpiSession` takes it; nothing here runs beside anything
        self._asked: tuple[Question, Exchange, bool] | None = None  # the last one, its exchange, whether that is done

    def pause(self, for_s: float) -> None:
        self._timeline.pause(for_s)

    def close(self) -> None:
        self._instrument = None

    def clear(self) -> None:
        """Nothing is ever left on a wire that is not there."""

    def write(self, text: str) -> None:
        self._finish(self._begin(text), text, self.timeout_s)

    def mark_stale(self, what: str) -> None:
        """There is no connection that could be out of step."""

    def ask(self, text: str, most_bytes: int = LINE_BYTES) -> Question:
        exchange, question = self._begin(text), Question(text, most_bytes)
        self._asked = question, exchange, exchange.advance(self._timeline.now_s())
        return question

    def answer(self, question: Question, timeout_s: float | None = None) -> str:
        if self._instrument is None:
            raise self.error("the session is closed")
        if self._asked is None or self._asked[0] is not question:
            raise self.error(f"the answer to {question.text!r} is lost, or was read before")
        (_, exchange, done), self._asked = self._asked, None
        line = Line(question.most_bytes)
        response = self._answer_of(exchange, question.text, timeout_s, done=done)
        self._fill(line, response, f"no answer to {question.text!r}")
        return line.text

    def query_block(
        self, text: str, kind: str = "f8", timeout_s: float | None = None, *, count: int | None = None
    ) -> NDArray[np.float64]:
        block = Block(*block_bytes(kind, count))
        self._fill(
            block, self._answer_of(self._begin(text), text, timeout_s), f"no complete block in answer to {text!r}"
        )
        return self._numbers(text, block.data, kind, count)

    def _fill(self, due: Due, response: bytes, lacks: str) -> None:
        try:
            due.feed(response)
            due.end()
        except AnswerError as error:
            raise self.error(f"{lacks}: {error}") from None

    def _answer_of(self, exchange: Exchange, text: str, timeout_s: float | None, *, done: bool = False) -> bytes:
        bound_s = self.timeout_s if timeout_s is None else timeout_s
        response = self._finish(exchange, text, bound_s, done=done)
        if response is None:
            self._timeline.pause(bound_s)
            raise self.error(f"no answer to {text!r} within {bound_s:g} s")
        return response

    def _begin(self, text: str) -> Exchange:
        """A message on its way; what was asked before is dropped."""
        if self._instrument is None:
            raise self.error("the session is closed")
        self._asked = None
        return self._instrument.execute(text)

    def _finish(self, exchange: Exchange, text: str, bound_s: float, *, done: bool = False) -> bytes | None:
        timeline = self._timeline
        until_s = timeline.now_s() + bound_s
        while not (done or exchange.advance(timeline.now_s())):
            if timeline.now_s() >= until_s:
                raise self.error(f"no answer to {text!r} within {bound_s:g} s")
            # An instrument that says "now" and is not ready has to be asked again a little later.
            due_s = max(exchange.due_s, math.nextafter(timeline.now_s(), math.inf))
            timeline.run_until(min(due_s, until_s))
        return exchange.response


def connect(
    name: str, instrument: EmulatedMeter, timeline: Timeline, where: str, serves: type | None = None, **options: Any
) -> Any:
    """The driver `name` on the instrument; `options` are the driver's own. BenchError as for `open_meter`."""
    return driver_named(name, where, options, serves)(DirectSession(instrument, timeline, where), **options)
