import pytest

from v2g_bench.ems.model.actions import InverterReading
from v2g_bench.ems.model.commands import ResetTrip
from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.protection.meters import PowerAgreement

from ..conftest import Driver


def _judge(dc_a: float, ac_w: float | None, seconds: float = 10.0, *, fresh: bool = True) -> str | None:
    meters, pack = PowerAgreement(), PackState()
    pack.update({"pack_voltage": 400.0, "pack_current": dc_a})
    for step in range(round(seconds * 5)):
        meters.update(pack, ac_w, step * 0.2, fresh=fresh)
    return meters.disagree


@pytest.mark.parametrize(
    ("dc_a", "ac_w", "agree"),
    [(-8, -3000, True), (8, 3300, True), (0, 350, True), (0, -3000, False), (-8, 3000, False), (-20, -6000, False)],
)
def test_losses_agree_and_nonsense_does_not(dc_a: float, ac_w: float, agree: bool) -> None:
    assert (_judge(dc_a, ac_w) is None) is agree


def test_short_stale_or_missing_is_no_evidence() -> None:
    assert _judge(0, -3000, 2.8) is None
    assert _judge(0, -3000, fresh=False) is None
    assert _judge(0, None) is None


def test_disagreement_counts_as_missing_until_reset(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.inverter_answers = False
    for _ in range(20):
        driver.run(0.2)
        driver.take(driver.ems.on_inverter_reading(InverterReading(-3000.0, 3), driver.now_s))
    assert driver.power_w is None
    assert "ERR_BMS_TIMEOUT" in [event.code for event in driver.ems.parts.book.active]
    assert driver.ems.parts.latches()["meters"]
    driver.inverter_answers = True
    driver.run(5.0)
    assert driver.power_w is None, "at zero power they agree, which proves nothing"
    assert driver.command(ResetTrip()).ok
    driver.run(0.1)
    assert driver.ems.parts.meters.disagree is None
