"""Faults of the wire through the bench's own injection, proven by the counters of the simulated line."""

import pytest

from v2g_bench.faults import BabblingNode, DominantShort, OpenWire, WireFault
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring.session import Session
from v2g_bench.sim.rig import SimRig


@pytest.mark.parametrize("fault", [DominantShort(), OpenWire(), BabblingNode(load_pct=60, frame_id=0x7FF)], ids=str)
def test_a_fault_that_begins_late_is_proven_all_the_same(tmp_path, fault: WireFault):
    with SimRig(load_rig("sim-wire"), tmp_path, 1, note=lambda text: None) as parts:
        session = Session(parts)
        session.prepare()
        asked_s = parts.clock.now_s()
        with session.bench.inject(fault, phase_s=0.3) as active:  # 45 frames and more come before it
            assert active.on_bus.time_s >= asked_s + 0.3 - 0.02
            assert parts.world.plant.client.wire()["conditions"] != []
        assert parts.world.plant.client.wire()["conditions"] == []
