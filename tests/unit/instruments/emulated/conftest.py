import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from v2g_bench.clock import RealClock, SimClock

BOUND_S = 10.0


def serve(server, box, scenario):
    """Run `await scenario(box, port)` against such a server of this instrument, within a bound."""

    async def whole():
        running = server(box, RealClock())
        port = await running.start()
        try:
            async with asyncio.timeout(BOUND_S):
                await scenario(box, port)
        finally:
            await running.stop()

    asyncio.run(whole())


class StepProbe:
    """10 A until `stop_s`, then nothing; 230 V, 13 A, 3 kW discharge at the AC terminals."""

    def __init__(self):
        self.stop_s = 1e9
        self.current_a = 10.0
        self.power_w = -3000.0
        self.ac_current_a = 13.0
        self.windows = []

    def dc_current(self, t):
        return np.where(t < self.stop_s, self.current_a, 0.0)

    def ac(self, t_from_s, t_to_s):
        self.windows.append((t_from_s, t_to_s))
        return SimpleNamespace(power_w=self.power_w, voltage_v=230.0, current_a=self.ac_current_a, frequency_hz=50.0)


@pytest.fixture
def probe():
    return StepProbe()


@pytest.fixture
def clock():
    return SimClock()


@pytest.fixture
def ask():
    """ask(instrument, message, now_s): the response as text, None if there is none. It must be done by then."""

    def ask(instrument, message, now_s=0.0):
        run = instrument.execute(message)
        for _ in range(1000):  # an answer that is computed in pieces
            if run.advance(now_s):
                return None if run.response is None else run.response.decode("latin-1").rstrip("\n")
        raise AssertionError(f"{message!r} still waits at {now_s} s, due at {run.due_s} s")

    return ask


@pytest.fixture
def errors(ask):
    """The numbers of all errors in an instrument's queue."""

    def errors(instrument, now_s=0.0):
        codes = []
        while not (answer := ask(instrument, "SYST:ERR?", now_s)).startswith("+0"):
            codes.append(int(answer.split(",")[0]))
        return codes

    return errors
