"""A pytest plugin that breaks one thing in a certification: `pytest -p v2g_bench.qualification.defects.plugin`.

The environment names what (`V2G_SEEDED`, as JSON): parts of the emulated world that become defective, and one defect of the
bench itself (`benches`). Controllers need no plugin: the rig file starts the broken one.

Parts and their defects are those of the plant's control socket; they become defective at "start" (after the bench has prepared
the rig for a test) or at "power" (once a test's power is steady).
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from v2g_bench.qualification.defects.benches import AFTER_PREPARING, ON_THE_RIG, PATCHES
from v2g_bench.rig.bench import Bench

SEEDED = "V2G_SEEDED"


def seeded() -> dict[str, Any]:
    """What this run is to suffer: {"parts": [[part, {defect: value}, when]], "bench": name}."""
    return dict(json.loads(os.environ.get(SEEDED, "{}")))


@pytest.fixture(autouse=True)
def seeded_parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The defective parts of one test; the next one begins with a rig without defects."""
    sick = seeded().get("parts", [])
    if not sick or "bench" not in request.fixturenames:
        return
    client = request.getfixturevalue("open_rig").plant.client
    request.getfixturevalue("bench")
    sound = Bench.at_power

    @contextmanager
    def at_power(self: Bench, power_w: float) -> Iterator[None]:
        with sound(self, power_w):
            for part, values, when in sick:
                if when == "power":
                    client.set_defects(part, **values)
            yield

    monkeypatch.setattr(Bench, "at_power", at_power)
    for part, values, when in sick:
        if when == "start":
            client.set_defects(part, **values)


@pytest.fixture(autouse=True)
def seeded_bench(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bench's own defect."""
    name = seeded().get("bench", "")
    if not name or "bench" not in request.fixturenames:
        return
    if name in ON_THE_RIG or name in AFTER_PREPARING:
        request.getfixturevalue("bench")
    if name in ON_THE_RIG:
        ON_THE_RIG[name](monkeypatch, request.getfixturevalue("open_rig"))
    else:
        PATCHES[name](monkeypatch)
