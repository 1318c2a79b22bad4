"""What the safety tests share: a charge that ends short of 100 %, and whose turn it is, drawn from the run's seed."""

import random
from dataclasses import dataclass

import pytest

from v2g_bench.fixtures.state import Options


@dataclass(frozen=True)
class PartialCharge:
    """From one state of charge (%) to another one that is nearly, and not, full."""

    from_pct: float
    to_pct: float


@pytest.fixture
def partial_charge(request: pytest.FixtureRequest) -> PartialCharge:
    """A controller that counts any lower state of charge as full releases its latch too soon."""
    drawn = random.Random(f"{request.config.stash[Options.KEY].seed} {request.node.nodeid}")
    to_pct = round(drawn.uniform(96.0, 98.0), 1)  # a busy host stops a charge late
    return PartialCharge(round(to_pct - drawn.uniform(3.0, 8.0), 1), to_pct)


@pytest.fixture
def turn(request: pytest.FixtureRequest) -> int:
    """0 or 1, by the run's seed alone: where tests share two kinds of a thing between them, which of them begins."""
    return random.Random(f"{request.config.stash[Options.KEY].seed} turn").randrange(2)
