"""Whether the instruments of a rig may carry the grade `hardware`: their calibration records, checked.

The laboratory's record (`metrology.calibration`) speaks for amplitudes; for the digitizer's trigger the rig's own
measurement (`trigger`) counts where the record has no timing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from v2g_bench.errors import BenchError
from v2g_bench.instruments.protocols import Identity
from v2g_bench.metrology.calibration import CalibrationState, state_of
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.parts.instruments import MEASURES
from v2g_bench.rig.parts.trigger_timing import timing_of


def calibration_states(
    loaded: LoadedRig, identities: Mapping[str, Identity], now: datetime | None = None
) -> dict[str, CalibrationState]:
    """The state of each meter that is no emulator, by its name in the rig. identities: who answered, by that name."""
    now = now or datetime.now(UTC)
    states = {}
    for name, meter in loaded.rig.meters.named().items():
        if meter.emulated:
            continue
        path = None
        if meter.calibration is not None:
            try:
                path = loaded.resolve(meter.calibration, f"meters.{name}.calibration")
            except BenchError as error:
                states[name] = CalibrationState(str(identities[name]), None, (" ".join(str(error).split()),))
                continue
        states[name] = state_of(
            path,
            identities[name],
            now.date(),
            (MEASURES[name],),
            needs_timing=name == "dc_current" and not _measured(loaded, identities[name], now),
        )
    return states


def hardware_blocked(loaded: LoadedRig, identities: Mapping[str, Identity], now: datetime | None = None) -> list[str]:
    """Why this rig's results may not be called hardware, a sentence per instrument; empty if nothing speaks against it.

    A rig that does not claim `evidence = "hardware"` is never blocked.
    """
    if loaded.rig.evidence != "hardware":
        return []
    states = calibration_states(loaded, identities, now)
    return [f"meters.{name}: {state.text}" for name, state in states.items() if not state.ok]


def _measured(loaded: LoadedRig, identity: Identity, now: datetime) -> bool:
    """Has the trigger been measured on this rig, with this instrument, recently?"""
    try:
        timing = timing_of(loaded)
    except BenchError:
        return False
    return timing is not None and not timing.problem(identity, now)
