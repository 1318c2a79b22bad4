"""One test as the rules see it, made of plain series: 10 s of a healthy pack that is discharged with 3 kW."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from v2g_bench.rig.dut.controller import Reply
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring.said.account import Account
from v2g_bench.rig.measuring.said.log_book import Line
from v2g_bench.rig.measuring.said.notebook import Command, PowerSeen
from v2g_bench.rig.measuring.said.reports import Series

FROM_S, TO_S = 100.0, 110.0


class FakeReports:
    """Roles by name, each a value or a function of time, every 10 ms."""

    def __init__(self, **roles: object) -> None:
        self.time_s = np.arange(FROM_S, TO_S + 1e-9, 0.01)
        self.roles = dict(roles)
        self.db = SimpleNamespace(path=Path("fake.dbc"), has=self.roles.__contains__, resolution=lambda role: 0.1)

    def of(self, role: str) -> Series | None:
        if role not in self.roles:
            return None
        value = self.roles[role]
        values = [float(value(t) if callable(value) else value) for t in self.time_s]
        return Series(self.time_s, np.asarray(values))

    def each(self, role: str) -> Iterator[tuple[str, Series]]:
        if (series := self.of(role)) is not None:
            yield role, series

    def cycle_s(self, role: str) -> float:
        return 0.01


def command(name: str, at_s: float, *, accepted: bool = True, out: str = "", **values: str) -> Command:
    return Command(name, values, Reply([name], 0 if accepted else 1, out, ""), at_s, at_s)


def line(text: str, at_s: float = 105.0) -> Line:
    return Line(at_s - 0.1, at_s, text)


@pytest.fixture
def account():
    """Makes an account; roles replace those of the healthy pack, None takes one away."""

    def made(*, roles: dict[str, object] | None = None, **fields: object) -> Account:
        healthy = {
            "power_setpoint": -3000.0,
            "operating_mode": 2.0,
            "trip_latched": 0.0,
            "charge_only": 0.0,
            "error_code": 0.0,
            "cell_temperature_max": 25.0,
            "cell_temperature_min": 25.0,
            "string_voltage_difference": 0.01,
            "pack_current": -8.5,
            "pack_voltage": 355.0,
            "soc": 50.0,
        }
        merged = {role: value for role, value in (healthy | (roles or {})).items() if value is not None}
        whole = Account(
            rig=load_rig("virtual").rig,
            reports=FakeReports(**merged),
            lines=(),
            from_s=FROM_S,
            to_s=TO_S,
            shown_s=0.3,
            starts_s=(FROM_S,),
            commands=(command("set_power", 101.0, power_w="-3000"),),
            powers=(PowerSeen(105.0, -2998.0, 7.0, "analyzer"),),
        )
        return replace(whole, **fields)

    return made
