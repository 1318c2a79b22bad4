"""Derating and cooling: missing derating, too early full power, and a pack that is not cooled as configured."""

import math
from dataclasses import replace

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import Action
from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.model.setpoint import Ceiling
from v2g_bench.ems.model.thermal_policy import ThermalPolicy
from v2g_bench.ems.protection.derating import DeratingMap, SlowRise
from v2g_bench.ems.protection.precool import PreCooling
from v2g_bench.ems.protection.thermal import ThermalGuard
from v2g_bench.qualification.defects.controllers import make

_LEVEL = ((0.0, 1.0), (1.0, 1.0))
WARM_C = 25.0


def low_soc_not_derated(settings: EmsSettings) -> Ems:
    """Full power down to MIN_SOC."""
    return make.having(settings, derating=DeratingMap(empty_discharge=_LEVEL))


def heat_not_derated(settings: EmsSettings) -> Ems:
    """Full power up to the emergency shutdown."""
    return make.having(settings, derating=DeratingMap(hot=_LEVEL))


def cold_not_derated(settings: EmsSettings) -> Ems:
    """Charges a cold pack at full power."""
    return make.having(settings, derating=DeratingMap(cold_charge=_LEVEL))


class _Unsigned(DeratingMap):
    """Reads a temperature without its sign: below zero all is warm."""

    def ceiling(self, rated_w: float, *, hottest_c: float, coldest_c: float, soc_pct: float) -> Ceiling:
        warm_c = WARM_C if coldest_c < 0 else coldest_c
        return super().ceiling(rated_w, hottest_c=hottest_c, coldest_c=warm_c, soc_pct=soc_pct)


def full_charge_below_zero(settings: EmsSettings) -> Ems:
    """Charges a pack below 0 °C at full power, and a cold one slowly."""
    return make.having(settings, derating=_Unsigned())


def heat_stops_all(settings: EmsSettings) -> Ems:
    """Stops in a hot pack where it should reduce."""
    return make.having(settings, derating=DeratingMap(hot=((35.0, 1.0), (37.0, 0.0))))


def cold_stops_charging(settings: EmsSettings) -> Ems:
    """Stops charging a cool pack where it should reduce."""
    return make.having(settings, derating=DeratingMap(cold_charge=((18.0, 0.0), (20.0, 1.0))))


def derating_springs_back(settings: EmsSettings) -> Ems:
    """Returns to full power at once after derating."""
    return make.having(settings, slow_rise=SlowRise(settings.thresholds.rated_power_w, 1e6))


class _Cautious(ThermalGuard):
    def update(self, pack: PackState, now_s: float) -> None:
        policy, self.policy = self.policy, ThermalPolicy(self.policy.cooling_trigger_c - 1.0)
        super().update(pack, now_s)
        self.policy = policy


def cooling_one_kelvin_early(settings: EmsSettings) -> Ems:
    """Cools from 31 °C on where 32 °C is configured."""
    return make.having(settings, thermal=_Cautious(settings.policy, settings.thresholds.gradient_k))


def policy_forgotten(settings: EmsSettings) -> Ems:
    """Begins each run with the default thermal policy and ignores its file."""
    return Ems(replace(settings, policy=ThermalPolicy()))


class _FirstModule(ThermalGuard):
    """Looks at the sensor of the first module, nearest to the coolant's inlet."""

    def update(self, pack: PackState, now_s: float) -> None:
        super().update(pack, now_s)
        first_c = pack.get("module_temperature[1]")
        if first_c is not None and first_c < self.policy.cooling_trigger_c - 1.0:
            self.cooling = False


def cooling_by_the_first_module(settings: EmsSettings) -> Ems:
    """Cools when the first module is warm, whatever the hottest cell is."""
    return make.having(settings, thermal=_FirstModule(settings.policy, settings.thresholds.gradient_k))


class _Pump(Ems):
    """Does not ask for cooling while `stands` says so, though it is wanted."""

    _warm_since_s, _warm_s = math.inf, -math.inf

    def tick(self, now_s: float) -> list[Action]:
        self._warm_since_s = min(self._warm_since_s, now_s) if self.parts.thermal.cooling else math.inf
        self._warm_s = now_s - self._warm_since_s
        return super().tick(now_s)

    def stands(self) -> bool:
        raise NotImplementedError

    def outputs(self) -> dict[str, float]:
        outputs = super().outputs()
        return outputs | {"cooling_request": 0.0} if self.stands() else outputs


class _SpentPump(_Pump):
    """Gives up after some seconds of cooling."""

    def stands(self) -> bool:
        return self._warm_s > 8.0


class _PumpAtRest(_Pump):
    """Saves the power of the pump while the pack is at work."""

    def stands(self) -> bool:
        return bool(self.decision.power_w)


cooling_for_8_s: make.Factory = _SpentPump
cooling_at_rest_alone: make.Factory = _PumpAtRest


class _NoPlan(PreCooling):
    def update(self, pack: PackState, now_s: float) -> None:
        return


def precooling_ignored(settings: EmsSettings) -> Ems:
    """Takes a V2G window and does not cool before it."""
    return make.having(settings, precool=_NoPlan())


class _Brief(PreCooling):
    """Cools for a minute, and takes it that this is enough."""

    def __init__(self) -> None:
        super().__init__()
        self._begun_s = math.inf

    def update(self, pack: PackState, now_s: float) -> None:
        super().update(pack, now_s)
        self._begun_s = min(self._begun_s, now_s) if self.on else self._begun_s
        self.on = self.on and now_s < self._begun_s + 60.0


def precooling_for_a_minute(settings: EmsSettings) -> Ems:
    """Asks for pre-cooling, and stops asking after a minute."""
    return make.having(settings, precool=_Brief())


def precooling_in_the_last_minute(settings: EmsSettings) -> Ems:
    """Asks for pre-cooling a minute before the window, when it is too late."""
    return make.having(settings, precool=PreCooling(lead_s=60.0))
