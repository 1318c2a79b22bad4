"""Trouble codes over a real ISO-TP exchange: read by the process that the daemon starts, and what the daemon does."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from ems_world import World, wait_for
from uds_ecu import REQUEST_ID, RESPONSE_ID, Ecu

from v2g_bench.can.hub import HubProcess
from v2g_bench.ems.ports.dtc import code_name, decode_mode_03, read_codes

IMBALANCE = 0x0BBD00
ACTIVE, STORED = 0x09, 0x08


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    process = HubProcess(tmp_path / "bus")
    process.start()
    yield process
    process.stop()


def _read(hub: HubProcess, *, fd: bool = True, timeout_s: float = 3.0) -> dict[str, Any]:
    return read_codes(
        {
            "interface": "v2g_userland",
            "channel": str(hub.path),
            "fd": fd,
            "bus_fd": True,
            "request_id": REQUEST_ID,
            "response_id": RESPONSE_ID,
            "timeout_s": timeout_s,
        }
    )


@pytest.mark.parametrize("fd", [True, False], ids=["fd", "classic"])
def test_fifty_codes_by_uds(hub: HubProcess, fd: bool) -> None:
    with Ecu(str(hub.path), fd=fd) as ecu:
        ecu.codes = [(0xC10000 + number, STORED) for number in range(49)] + [(IMBALANCE, ACTIVE), (0x123456, 0x40)]
        answer = _read(hub, fd=fd)
    assert (answer["source"], len(answer["codes"])) == ("uds", 50), answer
    assert answer["codes"][-1] == {"code": "P0BBD", "failure": "00", "stored": True, "active": True}
    assert answer["codes"][0]["code"] == "U0100"


def test_obd_where_uds_is_refused(hub: HubProcess) -> None:
    with Ecu(str(hub.path), speaks=("obd",)) as ecu:
        ecu.codes = [(IMBALANCE, STORED)]
        answer = _read(hub)
    assert (answer["source"], [code["code"] for code in answer["codes"]]) == ("obd", ["P0BBD"])


def test_nobody_answers(hub: HubProcess) -> None:
    answer = _read(hub, timeout_s=0.2)
    assert answer["source"] is None
    assert answer["problem"]


@pytest.mark.parametrize("answer", ["", "43", "4302 0BBD", "7F0311", "5902"])
def test_no_answer_to_mode_03(answer: str) -> None:
    with pytest.raises(ValueError, match="not an answer"):
        decode_mode_03(bytes.fromhex(answer))


def test_names_of_codes() -> None:
    assert [code_name(*pair) for pair in ((0x0B, 0xBD), (0x41, 0x23), (0xAF, 0x00), (0xC1, 0x00))] == [
        "P0BBD",
        "C0123",
        "B2F00",
        "U0100",
    ]


def test_code_keeps_v2g_off_until_the_balancing_charge(tmp_path: Path) -> None:
    with World(tmp_path) as world, Ecu(world.hub.path) as ecu:
        world.config.write_text(
            world.config.read_text(encoding="utf-8") + "\n[diagnosis]\nfirst_s = 0.1\nperiod_s = 1.0\n", "utf-8"
        )
        ecu.codes = [(IMBALANCE, ACTIVE)]
        world.start()
        wait_for("the code is read", lambda: world.ask("health")["imbalance"], timeout_s=20)
        health = world.ask("health")
        assert health["trouble_codes"]["codes"][0]["code"] == "P0BBD"
        refused = world.ask("set_power", power_w=-3000)
        assert not refused["ok"]
        assert "Cell Imbalance" in refused["text"]
        world.power(2000)
        ecu.codes = []
        asked = len(ecu.requests)
        wait_for("it is read again", lambda: len(ecu.requests) > asked + 1, timeout_s=20)
        assert world.ask("health")["imbalance"], "gone, but the pack is not balanced"
        world.bms.values["soc"] = 100.0
        wait_for("released", lambda: not world.ask("health")["imbalance"], timeout_s=20)
        assert "CELL_IMBALANCE" in world.log_text()
        assert world.process is not None
        assert world.process.poll() is None
