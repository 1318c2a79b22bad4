"""A controller without a past: what is taken back before it starts, and since when its word counts."""

import math
from types import SimpleNamespace

import pytest

from v2g_bench.clock import SimClock
from v2g_bench.errors import BenchError
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.parts.dut import RealDut
from v2g_bench.rig.parts.reception import Reception


class World:
    """Remembers how often it was healed."""

    def __init__(self):
        self.gateway, self.healed = None, 0

    def heal(self):
        self.healed += 1


def controller(clock, *, restarts=True, ran=None):
    return SimpleNamespace(
        restarts=restarts,
        stop=lambda: clock.advance(0.3),
        start=lambda: clock.advance(0.5),
        run=(ran if ran is not None else []).append,
        dut=SimpleNamespace(commands={"reset_trip": ["x"]}),
        close=lambda: None,
    )


@pytest.fixture
def clock():
    return SimClock(100.0)


@pytest.fixture
def made(clock):
    reception, world = Reception(load_rig("virtual"), clock, lambda: None), World()
    return RealDut(world, reception), reception, world


@pytest.mark.parametrize(("restarts", "begun_s"), [(True, 100.8), (False, -math.inf)])
def test_a_life_of_the_controller_begins_between_its_end_and_its_start(made, clock, tmp_path, restarts, begun_s):
    dut, reception, _ = made
    dut.open(controller(clock, restarts=restarts), tmp_path, lambda name, close: None)
    dut.fresh()
    assert reception._begun_s == pytest.approx(
        begun_s
    )  # one that the bench cannot start goes on: what it said still counts


def test_a_controller_that_goes_on_is_reset(made, clock, tmp_path):
    ran = []
    made[0].open(controller(clock, restarts=False, ran=ran), tmp_path, lambda name, close: None)
    assert ran == ["reset_trip"]


def test_its_past_is_gone_and_the_pack_is_healed_unless_it_is_to_stay_as_it_is(made, clock, tmp_path):
    dut, _, world = made
    dut.open(controller(clock), tmp_path, lambda name, close: None)
    (tmp_path / "state").mkdir()
    dut.fresh(heal=False)
    assert (world.healed, (tmp_path / "state").exists()) == (1, False)
    dut.fresh()
    assert world.healed == 2


def test_before_it_is_open_there_is_none(made):
    with pytest.raises(BenchError, match="controller: is not open"):
        made[0].fresh()
