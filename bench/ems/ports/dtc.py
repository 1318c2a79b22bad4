"""The BMS's diagnostic trouble codes (DTCs), read once: UDS service 0x19 02 over ISO-TP, else OBD mode 03.

Sources: ISO 14229-1 (ReadDTCInformation), ISO 15765-2, ISO 15031-5 / SAE J1979 (mode 03), SAE J2012 (names of codes).
"""

from collections.abc import Iterator
from typing import Any

import isotp
from udsoncan.client import Client
from udsoncan.configs import default_client_config
from udsoncan.connections import PythonIsoTpConnection
from udsoncan.exceptions import (
    InvalidResponseException,
    NegativeResponseException,
    TimeoutException,
    UnexpectedResponseException,
)

from v2g_bench.can.buses import open_bus

TEST_FAILED, CONFIRMED = 0x01, 0x08  # bits of the DTC status, ISO 14229-1 annex D
_MODE_03, _MODE_03_ANSWER = b"\x03", 0x43
_STANDARD_ID_MAX = 0x7FF
_REFUSED = (
    NegativeResponseException,
    InvalidResponseException,
    UnexpectedResponseException,
    TimeoutException,
)


def code_name(high: int, low: int) -> str:
    """The SAE J2012 name of two bytes.

    >>> code_name(0x0B, 0xBD)
    'P0BBD'
    """
    return f"{'PCBU'[high >> 6]}{high >> 4 & 3}{high & 0xF:X}{low:02X}"


def decode_mode_03(answer: bytes) -> list[dict[str, Any]]:
    """The codes of an answer to OBD mode 03 on CAN: count, then two bytes each. Raises: ValueError if it is none.

    >>> decode_mode_03(bytes.fromhex("43010BBD"))[0]["code"]
    'P0BBD'
    """
    if len(answer) < 2 or answer[0] != _MODE_03_ANSWER or len(answer) < 2 + 2 * answer[1]:
        raise ValueError(f"not an answer to mode 03: {answer.hex()}")
    pairs = [answer[2 + 2 * place : 4 + 2 * place] for place in range(answer[1])]
    return [{"code": code_name(*pair), "failure": "", "stored": True, "active": False} for pair in pairs]


def decode_by_status_mask(answer: bytes) -> list[dict[str, Any]]:
    """The codes of a positive response to UDS 0x19 02: four bytes each. Raises: ValueError if it is none.

    >>> decode_by_status_mask(bytes.fromhex("59022f0bbd0009"))[0]["active"]
    True
    """
    if answer[:2] != b"\x59\x02" or len(answer) % 4 != 3:
        raise ValueError(f"not an answer to 0x19 02: {answer.hex()}")
    records = [answer[start : start + 4] for start in range(3, len(answer), 4)]
    return [_record(code_name(high, middle), low, status) for high, middle, low, status in records]


def _record(code: str, failure: int, status: int) -> dict[str, Any]:
    stored = bool(status & (CONFIRMED | TEST_FAILED))
    return {"code": code, "failure": f"{failure:02X}", "stored": stored, "active": bool(status & TEST_FAILED)}


def read_codes(options: dict[str, Any]) -> dict[str, Any]:
    """Ask the BMS; what it answered, or the problem. Raises: BenchError when the bus cannot be opened."""
    fd, timeout_s = bool(options.get("fd", True)), float(options.get("timeout_s", 1.0))
    bus = open_bus(
        options["interface"],
        options["channel"],
        fd=bool(options.get("bus_fd", fd)),
        bitrate=int(options.get("bitrate", 500_000)),
        data_bitrate=int(options.get("data_bitrate", 2_000_000)),
        own_echo=False,
    )
    try:
        connection = PythonIsoTpConnection(_stack(bus, options["request_id"], options["response_id"], fd))
        with connection.open():
            problems = []
            for source, ask in (("uds", _by_uds), ("obd", _by_obd)):
                try:
                    return {"source": source, "problem": "", "codes": list(ask(connection, timeout_s))}
                except (*_REFUSED, ValueError) as error:
                    problems.append(f"{source}: {error}")
        return {"source": None, "problem": "; ".join(problems), "codes": []}
    finally:
        bus.shutdown()


def _stack(bus: Any, request_id: int, response_id: int, fd: bool) -> isotp.CanStack:
    extended = max(request_id, response_id) > _STANDARD_ID_MAX
    mode = isotp.AddressingMode.Normal_29bits if extended else isotp.AddressingMode.Normal_11bits
    mask = 0x1FFFFFFF if extended else _STANDARD_ID_MAX
    bus.set_filters([{"can_id": response_id, "can_mask": mask, "extended": extended}])
    # Without bitrate switch and 64 bytes an FD answer of many codes takes eight times the frames.
    params = {"can_fd": fd, "bitrate_switch": fd, "tx_data_length": 64 if fd else 8, "tx_padding": 0xCC}
    return isotp.CanStack(bus, address=isotp.Address(mode, txid=request_id, rxid=response_id), params=params)


def _by_uds(connection: PythonIsoTpConnection, timeout_s: float) -> Iterator[dict[str, Any]]:
    config = dict(default_client_config) | {"request_timeout": timeout_s, "p2_timeout": timeout_s}
    client = Client(connection, config=config)  # type: ignore[arg-type]
    response = client.get_dtc_by_status_mask(TEST_FAILED | CONFIRMED)
    if response is None:
        raise ValueError("no answer")
    for dtc in response.service_data.dtcs:
        status = dtc.status.get_byte_as_int()
        yield _record(code_name(dtc.id >> 16, dtc.id >> 8 & 0xFF), dtc.id & 0xFF, status)


def _by_obd(connection: PythonIsoTpConnection, timeout_s: float) -> Iterator[dict[str, Any]]:
    connection.empty_rxqueue()
    connection.send(_MODE_03)
    answer = connection.wait_frame(timeout=timeout_s, exception=True)
    yield from decode_mode_03(answer or b"")
