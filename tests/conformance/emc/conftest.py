"""The family EMC needs a wire: bits, error counters and interference, which only a bus with physics has."""

import pytest

from v2g_bench.errors import NotTested
from v2g_bench.fixtures.state import RIG
from v2g_bench.rig.file.model import Bus


@pytest.fixture
def wire(request: pytest.FixtureRequest) -> Bus:
    """The bus with physics, as the rig file states it; NOT TESTED where there is none, before anything is opened."""
    rig = request.config.stash[RIG].rig
    if not rig.physics:
        interfaces = ", ".join(f"[bus.{name}] interface = {bus.interface}" for name, bus in rig.bus.items())
        raise NotTested(f"no physics on this rig's bus ({interfaces}); the rigs wire and sim-wire have it")
    return next(bus for bus in rig.bus.values() if bus.physics)
