import pytest

from v2g_bench.rig.file.load import load_rig
from v2g_bench.sim.loop import SimLoop
from v2g_bench.sim.network import Network
from v2g_bench.sim.rig import SimRig
from v2g_bench.sim.timeline import Timeline


@pytest.fixture
def timeline():
    return Timeline(100.0)


@pytest.fixture
def loop(timeline):
    return SimLoop(timeline, Network())


@pytest.fixture
def sim_rig(tmp_path):
    with SimRig(load_rig("sim"), tmp_path, seed=1, note=lambda text: None) as parts:
        parts.clock.pause(1.0)  # until the controller has heard the BMS
        yield parts
