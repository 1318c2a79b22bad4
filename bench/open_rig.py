"""The parts of any rig: real ones, emulated ones, or a whole simulation, as its file says."""

from collections.abc import Callable
from pathlib import Path

from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.parts.protocol import ClosedRig


def open_parts(
    loaded: LoadedRig,
    folder: Path,
    seed: int,
    *,
    strict: bool,
    note: Callable[[str], None],
    temporary: bool = False,
) -> ClosedRig:
    """This rig, not open yet: enter them, or take their `steps`. temporary: see `OpenRig`."""
    if loaded.rig.simulated:
        from v2g_bench.sim.rig import SimRig

        return SimRig(loaded, folder, seed, note=note)
    from v2g_bench.rig.parts.real import OpenRig

    return OpenRig(loaded, folder, seed, strict=strict, note=note, temporary=temporary)
