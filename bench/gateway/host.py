"""The gateway process from the outside: started, waited for, talked to, and always ended.

>>> with GatewayProcess(config, folder) as gateway:                                           # doctest: +SKIP
...     number = gateway.client.inject(OverTemperature(cell=17, to_c=45.5))
...     gateway.client.clear(number)
"""

from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.gateway.rule import Rule
from v2g_bench.plant.host import PartProcess


class GatewayProcess(PartProcess):
    """A gateway in a process of its own. `config` as in `v2g_bench.gateway.process`, `control` may be left out."""

    part = "gateway"
    module = "v2g_bench.gateway.process"
    _lost = 0
    _refused = 0

    @property
    def forwarder(self) -> str:
        """Who forwards, in words."""
        return "the kernel (can-gw)" if self.ready.get("way") == "kernel" else "the bench"

    def notes(self, path: str) -> list[str]:
        """The report's statement on who forwards the frames, where the rig file asks for more than the bench's own loop."""
        if path == "bench":
            return []
        if self.ready.get("way") == "kernel":
            return ["the kernel's gateway (can-gw) forwards between BMS and controller: gateway.path = \"" + path + '"']
        why = self.ready.get("why") or "there is no SocketCAN here"
        return [f'the bench forwards between BMS and controller, not the kernel (gateway.path = "{path}"): {why}']

    def rule(self, rule: Rule, at_s: float | None = None) -> int:
        """Let a rule act, at once or from `at_s` (bench clock) on; the number to `client.clear` it with."""
        return int(self.client.call("rule", rule=rule.to_dict(), at_s=at_s))

    def status(self) -> dict[str, Any]:
        """Counts, losses and the forwarding delay; BenchError if the process has ended."""
        return self.client.status()

    def require_alive(self) -> None:
        """BenchError with its last words if it has ended."""
        status = self.poll()
        if status is not None:
            raise BenchError("gateway", f"ended with status {status}: {self._stderr_tail()}", f"see {self.log_path}")

    def account(self) -> str:
        """What it did, in a line for the report."""
        status = self.status()
        added = status["added_us"]
        taken = "none was timed"
        if added["p50"] is not None:
            taken = f"the last of them in {added['p50']:.0f} us (p50), {added['p99']:.0f} us (p99), {added['max']:.0f} us (max)"
        handed = f", handed over {times} times between kernel and bench" if (times := status.get("handovers")) else ""
        return (
            f"faults were injected by the gateway before the BMS: {status['to_controller'] + status['to_bms']} frames "
            f"forwarded{handed}, {taken}; {status['lost']} lost"
        )

    def require_whole(self) -> None:
        """BenchError if frames were lost or discarded since the last call: what followed cannot be judged."""
        self.require_alive()
        losses = self.client.call("losses")
        lost, refused = losses["lost"] - self._lost, losses["refused"] - self._refused
        self._lost, self._refused = losses["lost"], losses["refused"]
        if lost or refused:
            raise BenchError(
                "gateway",
                f"{lost} frames lost and {refused} not taken by the bus, of those it had to forward",
                "is the machine overloaded, or an interface's queue short (ip link set can0 txqueuelen 1000)?",
            )
