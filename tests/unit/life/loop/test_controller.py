import pytest

from v2g_bench.ems.model.plans import Departure
from v2g_bench.life.loop.ablation import no_derating
from v2g_bench.life.loop.car import Battery, Car, dc_w
from v2g_bench.life.loop.configuration import Configuration
from v2g_bench.life.loop.controller import Controller

BASE = Configuration("base")


def _asked(car: Car, request_w: float, controller: Controller | None = None, at_s: float = 0.0) -> float:
    controller = controller or Controller(BASE)
    controller.see(car, at_s)
    return controller.power_w(request_w, at_s)


def test_limits_conf_holds() -> None:
    assert _asked(Car(Battery(), 0.50, 25.0), -11_000.0) == -11_000.0
    assert _asked(Car(Battery(), 0.25, 25.0), -11_000.0) == 0.0
    assert _asked(Car(Battery(), 0.75, 25.0), 11_000.0) == 0.0


def test_derating_map_is_the_controllers() -> None:
    assert _asked(Car(Battery(), 0.5, 39.5), -11_000.0) == pytest.approx(7150.0 * -1)  # the map's own example, 40 °C
    assert _asked(Car(Battery(), 0.5, 39.5), -11_000.0, Controller(BASE, no_derating)) == -11_000.0


def test_micro_cycle_holds_after_a_tenth_and_frees_after_half_of_it() -> None:
    controller, car, minute = Controller(BASE), Car(Battery(), 0.7, 25.0), 0
    while _asked(car, -11_000.0, controller, 60.0 * minute):
        car.move(dc_w(-11_000.0))
        minute += 1
    assert 0.10 <= 0.7 - car.soc < 0.105
    assert any("micro-cycle" in reason for reason in controller.limited_by)
    low = car.soc
    while not _asked(car, -1000.0, controller, 60.0 * minute):
        car.move(dc_w(11_000.0))
        minute += 1
    assert car.soc - low == pytest.approx(0.05, abs=0.006)


def test_floating_window_keeps_the_energy_for_a_departure() -> None:
    controller, car = Controller(BASE), Car(Battery(), 0.55, 25.0)
    controller.plan(Departure(3600.0, 60.0), 0.0)
    assert _asked(car, -11_000.0, controller, 3300.0) == 0.0
    assert "narrowed" in controller.limited_by[0]


def test_cooling_and_trip() -> None:
    warm, hot = Car(Battery(), 0.5, 32.0), Car(Battery(), 0.5, 45.0)
    controller = Controller(BASE)
    controller.see(warm, 0.0)
    assert controller.cooling
    assert _asked(hot, -11_000.0, controller, 60.0) == 0.0
    assert controller.trips == 1
    assert _asked(warm, -11_000.0, controller, 120.0) == -11_000.0, "reset once the pack is safe"
