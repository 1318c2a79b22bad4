"""What was drawn, by name and as it reads in a report."""

import pytest

from v2g_bench.draws.world import World
from v2g_bench.faults import OverTemperature


def test_values_are_attributes():
    assert World({"power_w": -4210.0}).power_w == -4210.0
    assert World({}).get("soc_pct") is None


def test_what_was_not_drawn_is_an_error_that_says_what_was():
    with pytest.raises(AttributeError, match=r"soc_pct was not drawn; drawn: power_w"):
        _ = World({"power_w": 1.0}).soc_pct


def test_each_value_is_shown_with_its_unit():
    world = World({"fault": OverTemperature(31, 45.3, ramp_k_per_s=10.0), "soc_pct": 61.2, "cells": "one"})
    assert world.shown() == {
        "fault": "over temperature",
        "cell": "31",
        "to": "45.3 °C",
        "ramp": "10 K/s",
        "soc": "61.2 %",
        "cells": "one",
    }
