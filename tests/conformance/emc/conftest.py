"""The family EMC needs a wire: bits, error counters and interference, which only a bus with physics has."""

import pytest

from v2g_bench.fixtures.state import RIG
from v2g_bench.fixtures.verdicts import NOT_CLAIMED


@pytest.fixture
def wire(request: pytest.FixtureRequest) -> None:
    """NOT APPLICABLE on a rig whose bus is frames alone, before anything of it is opened for this test."""
    rig = request.config.stash[RIG].rig
    if not rig.physics:
        interfaces = ", ".join(f"[bus.{name}] interface = {bus.interface}" for name, bus in rig.bus.items())
        pytest.skip(f"{NOT_CLAIMED}no physics on this rig's bus ({interfaces}); the rigs wire and sim-wire have it")
