import pytest

from v2g_bench.ems.core.peers import CONDITIONS, PeerReport
from v2g_bench.ems.model.actions import LogLine
from v2g_bench.ems.model.commands import SetPower

from ..conftest import Driver


def test_handshake_timeout_keeps_v2g_off_while_it_lasts(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.take(driver.ems.on_peer_report(PeerReport("0x05F1", "no answer on port 15118"), driver.now_s))
    assert driver.power_w == 0
    assert driver.ems.outputs()["error_code"] == 0x05F1
    assert driver.ems.outputs()["charge_only"] == 1
    lines = [action for _, action in driver.actions if isinstance(action, LogLine) and action.code == "0x05F1"]
    assert "15118" in lines[0].text
    assert driver.command(SetPower(2000)).ok
    driver.take(driver.ems.on_peer_report(PeerReport("0x05F1", None), driver.now_s))
    assert driver.ems.outputs()["error_code"] == 0
    assert driver.command(SetPower(-2000)).ok


def test_unknown_condition_is_an_error(driver: Driver) -> None:
    with pytest.raises(KeyError):
        driver.ems.on_peer_report(PeerReport("0xFFFF", "?"), driver.now_s)


def test_every_condition_has_a_remedy() -> None:
    assert all(condition.event.advice for condition in CONDITIONS.values())
