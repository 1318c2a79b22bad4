"""The client against a server that says what the test wants: every wrong reply must be seen."""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from v2g_bench.ems.ports import modbus
from v2g_bench.ems.ports.aside import Worker
from v2g_bench.ems.ports.modbus import ModbusError, ModbusLink, ModbusRefusal, check_reply, read_request, write_request

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _adu(transaction: int, pdu: bytes, unit: int = 1, protocol: int = 0) -> bytes:
    return struct.pack(">HHHB", transaction, protocol, len(pdu) + 1, unit) + pdu


async def _request(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    transaction, _, length, _ = struct.unpack(">HHHB", await reader.readexactly(7))
    return transaction, await reader.readexactly(length - 1)


def _registers(*values: int) -> bytes:
    return struct.pack(f">BB{len(values)}H", 3, 2 * len(values), *values)


def _with_server(script: Script, client: Callable[[ModbusLink], Awaitable[Any]], timeout_s: float = 0.2) -> Any:
    async def run() -> Any:
        server = await asyncio.start_server(script, "127.0.0.1", 0)
        link = await ModbusLink.connect("127.0.0.1", server.sockets[0].getsockname()[1], 1, timeout_s)
        try:
            return await client(link)
        finally:
            link.close()
            server.close()

    return asyncio.run(run())


def test_read_and_write() -> None:
    received: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in (_registers(1, 2), None):
            transaction, pdu = await _request(reader)
            received.append(pdu)
            writer.write(_adu(transaction, reply or pdu[:5]))

    async def client(link: ModbusLink) -> tuple[int, ...]:
        registers = await link.read(100, 2)
        await link.write(200, [7, 8])
        return registers

    assert _with_server(script, client) == (1, 2)
    assert received == [read_request(100, 2), write_request(200, [7, 8])]


def test_pipelined_requests_answered_out_of_order_and_in_pieces() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, second = await _request(reader), await _request(reader)
        for byte in _adu(second[0], _registers(22)) + _adu(first[0], _registers(11)):
            writer.write(bytes((byte,)))
            await writer.drain()

    async def client(link: ModbusLink) -> list[tuple[int, ...]]:
        return list(await asyncio.gather(link.read(1, 1), link.read(2, 1)))

    assert _with_server(script, client) == [(11,), (22,)]


@pytest.mark.parametrize(
    "reply",
    [
        lambda t: _adu(t, b"\x83\x02"),
        lambda t: _adu(t, struct.pack(">BBH", 4, 2, 1)),  # another function
        lambda t: _adu(t, struct.pack(">BBHH", 3, 4, 1, 2)),  # more registers than asked for
        lambda t: _adu(t, struct.pack(">BB", 3, 0)),  # fewer
        lambda t: _adu(t, struct.pack(">BBH", 3, 4, 1)),  # its own count is wrong
        lambda t: _adu(t + 1, _registers(1)),  # nobody's transaction
        lambda t: _adu(t, _registers(1), unit=2),  # another unit
        lambda t: _adu(t, _registers(1), protocol=5),
        lambda t: b"HTTP/1.1 400 Bad Request\r\n\r\n",
        lambda t: b"",
    ],
)
def test_wrong_replies_are_errors(reply: Callable[[int], bytes]) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transaction, _ = await _request(reader)
        writer.write(reply(transaction))
        await writer.drain()
        await reader.read()

    async def client(link: ModbusLink) -> None:
        await link.read(1, 1)

    with pytest.raises(ModbusError):
        _with_server(script, client)


def test_exception_reply_leaves_the_link_open_and_timeout_closes_it() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transaction, _ = await _request(reader)
        writer.write(_adu(transaction, b"\x83\x02"))
        await reader.read()

    async def client(link: ModbusLink) -> tuple[bool, bool]:
        with pytest.raises(ModbusRefusal, match="exception 2"):
            await link.read(1, 1)
        after_refusal = link.opened
        with pytest.raises(ModbusError, match="no reply within"):
            await link.read(1, 1)
        return after_refusal, link.opened

    assert _with_server(script, client) == (True, False)


def test_lost_connection_fails_at_once_for_all_who_wait() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.close()

    async def client(link: ModbusLink) -> tuple[list[str], str]:
        results = await asyncio.gather(link.read(1, 1), link.read(2, 1), return_exceptions=True)
        with pytest.raises(ModbusError) as caught:
            await link.read(3, 1)
        return [type(result).__name__ for result in results], str(caught.value)

    assert _with_server(script, client, timeout_s=30) == (["ModbusError"] * 2, "the connection is closed")


def test_nobody_listens() -> None:
    with pytest.raises(ModbusError, match="no connection"):
        asyncio.run(ModbusLink.connect("127.0.0.1", 1, 1, 0.2))


def test_write_acknowledged_for_other_registers() -> None:
    request = write_request(10, [1, 2])
    assert check_reply(request, request[:5]) == request[:5]
    with pytest.raises(ModbusError):
        check_reply(request, write_request(11, [1, 2])[:5])
    with pytest.raises(ModbusError):
        check_reply(request, b"")


def test_a_reply_that_nobody_asked_for_closes_the_connection_at_once() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transaction, _ = await _request(reader)
        writer.write(_adu(transaction + 1, _registers(9)) * 1000 + _adu(transaction, _registers(1)))
        await reader.read()

    async def client(link: ModbusLink) -> bool:
        with pytest.raises(ModbusError, match="unrequested"):
            await link.read(1, 1)
        return link.opened

    assert _with_server(script, client, timeout_s=30) is False


def test_a_name_server_that_hangs_holds_up_neither_the_connection_nor_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answers, over = threading.Event(), threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        asked.set()
        answers.wait(5)
        over.set()
        return []

    monkeypatch.setattr(modbus, "_names", Worker("host names"), raising=False)  # one that no other test has hung
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with pytest.raises(ModbusError, match="no connection to inverter.lan"):
        asyncio.run(ModbusLink.connect("inverter.lan", 502, 1, 0.1))
    assert asked.is_set()
    assert not over.is_set(), "its end has waited for the name"
    answers.set()


def test_a_host_has_a_name() -> None:
    async def run() -> bool:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            link = await ModbusLink.connect("localhost", server.sockets[0].getsockname()[1], 1, 2.0)
            opened = link.opened
            link.close()
        return opened

    assert asyncio.run(run())


def test_transaction_ids_wrap_and_a_reply_with_the_id_0_is_nobodys() -> None:
    numbers: list[int] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply_id in (None, None, 0):
            transaction, _ = await _request(reader)
            numbers.append(transaction)
            writer.write(_adu(transaction if reply_id is None else reply_id, _registers(1)))

    async def client(link: ModbusLink) -> bool:
        link._transaction = 0xFFFE
        assert [await link.read(0, 1), await link.read(0, 1)] == [(1,), (1,)]
        with pytest.raises(ModbusError, match=r"unrequested reply \(transaction 0"):
            await link.read(0, 1)
        return link.opened

    assert not _with_server(script, client)
    assert numbers == [0xFFFF, 1, 2]
