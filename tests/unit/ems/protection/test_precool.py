from v2g_bench.ems.model.commands import SetV2gWindow
from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.model.plans import V2gWindow
from v2g_bench.ems.protection.precool import PreCooling

from ..conftest import Driver


def _pack(hottest_c: float) -> PackState:
    pack = PackState()
    pack.update({"cell_temperature_max": hottest_c})
    return pack


def test_only_ahead_of_the_window_and_down_to_the_target() -> None:
    cooling = PreCooling(lead_s=1800.0, target_c=25.0)
    cooling.update(_pack(31.0), 0.0)
    assert not cooling.on, "nothing is planned"
    cooling.window = V2gWindow(10_000.0, 13_600.0)
    for now_s, hottest_c, on in (
        (8199.0, 31.0, False),
        (8200.0, 31.0, True),
        (9000.0, 25.5, True),
        (9100.0, 25.0, False),
        (9200.0, 25.9, False),
        (9300.0, 26.1, True),
        (10_000.0, 31.0, False),
    ):
        cooling.update(_pack(hottest_c), now_s)
        assert cooling.on is on, now_s
    cooling.update(_pack(31.0), 13_600.0)
    assert cooling.window is None


def test_pump_is_asked_for(driver: Driver) -> None:
    driver.set(cell_temperature_max=30.0, cell_temperature_min=29.0)
    driver.run(0.5)
    assert driver.ems.outputs()["cooling_request"] == 0
    assert driver.command(SetV2gWindow(V2gWindow(driver.now_s + 600, driver.now_s + 4200, "later"))).ok
    driver.run(0.1)
    assert driver.ems.outputs()["cooling_request"] == 1
    driver.command(SetV2gWindow(None))
    driver.run(0.1)
    assert driver.ems.outputs()["cooling_request"] == 0
