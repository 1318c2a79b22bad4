"""A pytest plugin that makes parts of an emulated rig sick, for tests of what the bench then says: `-p sick_parts`.

V2G_SICK holds a JSON list of [part, {defect: value}, when]. Parts and defects are those of the plant's control socket;
when is "start" (after the bench has prepared the rig for a test) or "power" (once a test's power stands).
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from v2g_bench.rig.bench import Bench

SICK: list[tuple[str, dict[str, Any], str]] = [tuple(one) for one in json.loads(os.environ["V2G_SICK"])]


@pytest.fixture(autouse=True)
def sick_parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The defects of one test; the next one begins with a healthy rig again."""
    if "bench" not in request.fixturenames:
        return
    client = request.getfixturevalue("open_rig").plant.client
    request.getfixturevalue("bench")
    sound = Bench.at_power

    @contextmanager
    def at_power(self: Bench, power_w: float) -> Iterator[None]:
        with sound(self, power_w):
            for part, values, when in SICK:
                if when == "power":
                    client.set_defects(part, **values)
            yield

    monkeypatch.setattr(Bench, "at_power", at_power)
    for part, values, when in SICK:
        if when == "start":
            client.set_defects(part, **values)
