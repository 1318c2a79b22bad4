"""How the nodes of a run open their buses: SocketCAN where the rig asks for it and the kernel has it, else a userland hub.

A rig has one bus, or two with the bench as gateway between them:

    main                 BMS, controller and the bench's own node
    bms | ems            the BMS on one, the controller on the other
"""

import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from v2g_bench.can.buses import socketcan_problem
from v2g_bench.can.hub import HubProcess, WireSettings
from v2g_bench.errors import BenchError
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.file.model import Rig
from v2g_bench.rig.safety.supervisor_client import SupervisorClient

Closer = Callable[[str, Callable[[], None]], None]


def runtime_folder(supervisor: SupervisorClient, later: Closer) -> Path:
    """A folder for sockets, whose paths must be short; gone at the end, also of a bench that was killed."""
    folder = Path(tempfile.gettempdir()) / f"v2g-{secrets.token_hex(6)}"
    supervisor.send("folder", path=str(folder))  # before there is one
    folder.mkdir(mode=0o700)
    later("runtime folder", lambda: shutil.rmtree(folder))
    return folder


def open_buses(
    loaded: LoadedRig,
    runtime: Path,
    supervisor: SupervisorClient,
    *,
    seed: int,
    strict: bool,
    note: Callable[[str], None],
    later: Closer,
) -> tuple[dict[str, dict[str, Any]], str]:
    """(bus name -> arguments of `can.buses.open_bus`, what they are in words). Hubs that are needed run afterwards.

    Where the kernel lacks one SocketCAN channel all buses are userland ones, with a note; BenchError with a hint if
    strict, or on a hardware rig.
    """
    buses = loaded.rig.bus
    common: dict[str, dict[str, Any]] = {
        name: {"fd": bus.fd, "bitrate": bus.bitrate, "data_bitrate": bus.data_bitrate} for name, bus in buses.items()
    }
    problems = {
        name: problem
        for name, bus in buses.items()
        if bus.interface == "socketcan" and (problem := socketcan_problem(bus.channel, **common[name])) is not None
    }
    if problems and (strict or loaded.rig.evidence == "hardware"):
        name, problem = next(iter(problems.items()))
        raise BenchError(f"{loaded.path}: bus.{name}", *problem.split("\n", 1))
    for name, problem in problems.items():
        note(f"userland bus in place of SocketCAN {buses[name].channel}: {problem.splitlines()[0]}")
    chosen: dict[str, dict[str, Any]] = {}
    words = []
    for name, bus in buses.items():
        where = "" if name == "main" else f"{name}: "
        if bus.interface == "socketcan" and not problems:
            chosen[name] = {"interface": "socketcan", "channel": bus.channel, **common[name]}
            words.append(f"{where}SocketCAN {bus.channel}")
            continue
        wire = WireSettings(bus.bitrate, bus.data_bitrate, bus.cable_m, seed) if bus.physics else None
        hub = HubProcess(runtime / ("bus" if name == "main" else f"bus.{name}"), wire, supervisor.lifeline)
        hub.start()
        later(f"userland bus hub {name}".removesuffix(" main"), hub.stop)
        supervisor.send("child", pid=hub.pid)
        chosen[name] = {"interface": "v2g_userland", "channel": hub.path, **common[name]}
        kind = "CAN FD" if bus.fd else "classic CAN"
        words.append(f"{where}userland bus, {kind}{', with physics' if bus.physics else ''}")
    return chosen, "; ".join(words)


def gateway_path(rig: Rig, chosen: Mapping[str, Mapping[str, Any]]) -> str:
    """Who is to forward on the buses that were chosen: the kernel cannot on userland ones that stand in for SocketCAN."""
    return rig.gateway.path if chosen["bms"]["interface"] == "socketcan" else "bench"
