"""The simulated controller reads trouble codes: the daemon's own times and judgement, a request and its answer as frames on
the simulated bus, and no process. UDS 0x19 02 alone; the fall-back to OBD mode 03 is not simulated.
"""

import asyncio
from typing import Any

import can

from v2g_bench.can.isotp import Reassembly
from v2g_bench.ems.model.config import BusConfig, DiagnosisConfig
from v2g_bench.ems.ports.dtc import CONFIRMED, TEST_FAILED, decode_by_status_mask
from v2g_bench.ems.service.diagnosis import unanswered
from v2g_bench.sim.bus import SimBus

REQUEST = bytes((3, 0x19, 0x02, TEST_FAILED | CONFIRMED))  # a single frame


class SimReader:
    """Reads the codes on a simulated bus, as a node of its own."""

    def __init__(self, bus: BusConfig, config: DiagnosisConfig, wire: SimBus) -> None:
        self._is_fd, self._config, self._wire = config.on_fd(bus), config, wire

    async def ask(self) -> dict[str, Any]:
        """See `v2g_bench.ems.service.diagnosis.Ask`."""
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        node, incoming = object(), Reassembly()

        def on_frame(message: can.Message) -> None:
            if message.arbitration_id != self._config.response_id:
                return
            payload, flow = incoming.take(bytes(message.data))
            if flow is not None:
                self._wire.send(node, self._frame(flow))
            if payload is not None and not answered.done():
                answered.set_result(payload)

        self._wire.join(node, on_frame)
        try:
            self._wire.send(node, self._frame(REQUEST))
            async with asyncio.timeout(self._config.timeout_s):
                return {"source": "uds", "problem": "", "codes": decode_by_status_mask(await answered)}
        except TimeoutError:
            problem = f"uds: no answer within {self._config.timeout_s:g} s"
        except ValueError as error:
            problem = f"uds: {error}"
        finally:
            self._wire.leave(node)
        return unanswered(problem)

    def _frame(self, data: bytes) -> can.Message:
        config = self._config
        return can.Message(
            arbitration_id=config.request_id,
            is_extended_id=config.request_id > 0x7FF,
            is_fd=self._is_fd,
            bitrate_switch=self._is_fd,
            data=data.ljust(8, b"\xcc"),
        )
