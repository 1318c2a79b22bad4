import asyncio
import contextlib

import pytest

from v2g_bench.instruments.emulated import hislip, server
from v2g_bench.instruments.emulated.calls import Later, command
from v2g_bench.instruments.emulated.hislip import HEADER, HislipServer, Kind, Message, receive
from v2g_bench.instruments.emulated.scpi import Instrument

from .conftest import serve

FIRST_ID = 0xFFFFFF00


class Box(Instrument):
    identity = "V2G,BOX,1,1"

    @command("NEVer?")
    def _never(self, call):
        return Later(lambda now_s: False, lambda now_s: None)

    @command("BIG?")
    def _big(self, call):
        return "x" * 1000


class Client:
    """Both connections of a session."""

    async def open(self, port):
        self.sync, self.to_sync = await asyncio.open_connection("127.0.0.1", port)
        self.to_sync.write(Message(Kind.INITIALIZE, 0, 0x01000000, b"hislip0").encode())
        self.number = (await receive(self.sync)).parameter & 0xFFFF
        self.asynchronous, self.to_async = await asyncio.open_connection("127.0.0.1", port)
        answer = await self.ask_async(Kind.ASYNC_INITIALIZE, 0, self.number)
        assert answer.kind == Kind.ASYNC_INITIALIZE_RESPONSE
        return self

    def send(self, text, control=0, number=FIRST_ID, kind=Kind.DATA_END):
        self.to_sync.write(Message(kind, control, number, text).encode())

    async def ask_async(self, kind, control=0, parameter=0, payload=b""):
        self.to_async.write(Message(kind, control, parameter, payload).encode())
        return await receive(self.asynchronous)


def run(scenario):
    serve(HislipServer, Box(), scenario)


def test_a_response_carries_the_number_of_its_question():
    async def scenario(box, port):
        client = await Client().open(port)
        client.send(b"*IDN?\n", number=4)
        assert await receive(client.sync) == Message(Kind.DATA_END, 0, 4, b"V2G,BOX,1,1\n")

    run(scenario)


def test_a_program_message_in_pieces_and_a_response_in_pieces():
    async def scenario(box, port):
        client = await Client().open(port)
        answer = await client.ask_async(Kind.ASYNC_MAX_SIZE, payload=(316).to_bytes(8))
        assert answer.kind == Kind.ASYNC_MAX_SIZE_RESPONSE
        client.send(b"BI", kind=Kind.DATA, number=2)
        client.send(b"G?\n", number=4)
        messages = [await receive(client.sync) for _ in range(4)]
        assert [m.kind for m in messages] == [Kind.DATA] * 3 + [Kind.DATA_END]
        assert {m.parameter for m in messages} == {4}
        assert b"".join(m.payload for m in messages) == b"x" * 1000 + b"\n"

    run(scenario)


def test_device_clear_ends_what_waits_and_nothing_old_comes():
    async def scenario(box, port):
        client = await Client().open(port)
        client.send(b"NEV?\n", number=2)
        assert (await client.ask_async(Kind.ASYNC_DEVICE_CLEAR)).kind == Kind.ASYNC_DEVICE_CLEAR_ACKNOWLEDGE
        client.send(b"*IDN?\n", number=4)  # on its way before the clear was complete: dropped
        client.send(b"", kind=Kind.DEVICE_CLEAR_COMPLETE, number=0)
        assert (await receive(client.sync)).kind == Kind.DEVICE_CLEAR_ACKNOWLEDGE
        client.send(b"*ESR?\n", number=6)
        assert await receive(client.sync) == Message(Kind.DATA_END, 0, 6, b"128\n")

    run(scenario)


def test_a_question_before_the_answer_was_read_is_an_interruption():
    async def scenario(box, port):
        client = await Client().open(port)
        client.send(b"*IDN?\n", number=2)
        await receive(client.sync)
        client.send(b"*CLS\n", control=1, number=4)
        client.send(b"*IDN?\n", number=6)
        await receive(client.sync)
        client.send(b"SYST:ERR?\n", control=0, number=8)
        assert (await receive(client.sync)).kind == Kind.INTERRUPTED
        assert (await receive(client.sync)).payload.startswith(b"-410")
        assert (await receive(client.asynchronous)).kind == Kind.ASYNC_INTERRUPTED

    run(scenario)


def test_status_query_shows_the_message_until_it_is_read():
    async def scenario(box, port):
        client = await Client().open(port)
        client.send(b"*IDN?\n")
        await receive(client.sync)
        assert (await client.ask_async(Kind.ASYNC_STATUS_QUERY, 0)).control == 16
        assert (await client.ask_async(Kind.ASYNC_STATUS_QUERY, 1)).control == 0

    run(scenario)


def test_an_exclusive_lock_holds_up_the_others():
    async def scenario(box, port):
        one, other = await Client().open(port), await Client().open(port)
        assert (await one.ask_async(Kind.ASYNC_LOCK, 1, 1000)).control == 1
        assert (await other.ask_async(Kind.ASYNC_LOCK, 1, 0)).control == 0
        assert (await other.ask_async(Kind.ASYNC_LOCK, 0)).control == 3
        assert (await other.ask_async(Kind.ASYNC_LOCK, 1, 0, b"shared")).control == 3
        assert (await other.ask_async(Kind.ASYNC_LOCK_INFO)).control == 1
        other.send(b"*ESR?\n", number=2)
        one.send(b"*IDN?\n", number=2)
        assert (await receive(one.sync)).payload.startswith(b"V2G")
        assert (await one.ask_async(Kind.ASYNC_LOCK, 0)).control == 1
        assert (await receive(other.sync)).payload == b"128\n"

    run(scenario)


def test_a_lock_goes_with_its_session():
    async def scenario(box, port):
        one, other = await Client().open(port), await Client().open(port)
        await one.ask_async(Kind.ASYNC_LOCK, 1, 1000)
        one.to_sync.close()
        assert (await other.ask_async(Kind.ASYNC_LOCK, 1, 5000)).control == 1

    run(scenario)


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        HEADER.pack(b"HS", Kind.DATA_END, 0, 2, 0),
        HEADER.pack(b"HS", Kind.ASYNC_INITIALIZE, 0, 999, 0),
        HEADER.pack(b"HS", Kind.INITIALIZE, 0, 0, 1 << 40),
    ],
)
def test_what_is_no_hislip_gets_a_fatal_error_and_the_door(first):
    async def scenario(box, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(first)
        assert (await receive(reader)).kind == Kind.FATAL_ERROR
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        await (await Client().open(port)).ask_async(Kind.ASYNC_STATUS_QUERY)

    run(scenario)


def test_unknown_messages_are_errors_and_the_session_goes_on():
    async def scenario(box, port):
        client = await Client().open(port)
        client.send(b"", kind=99)
        assert (await receive(client.sync)).kind == Kind.ERROR
        assert (await client.ask_async(99)).kind == Kind.ERROR
        client.send(b"*ESR?\n")
        assert (await receive(client.sync)).payload == b"128\n"

    run(scenario)


def test_trigger_message():
    async def scenario(box, port):
        client = await Client().open(port)
        client.send(b"", kind=Kind.TRIGGER, number=2)
        client.send(b"SYST:ERR?\n", number=4)
        assert (await receive(client.sync)).payload.startswith(b"-211")

    run(scenario)


async def served(port, number=2):
    """Another client is served, and nothing but its own connections is left."""
    client = await Client().open(port)
    client.send(b"*IDN?\n", number=number)
    assert (await receive(client.sync)).payload == b"V2G,BOX,1,1\n"
    return client


@pytest.mark.parametrize("wait", ["an answer", "a lock to end", "a lock", "no second connection", "unread messages"])
def test_one_that_leaves_is_not_waited_for(wait):
    async def scenario(box, port):
        holder = await Client().open(port)
        leaving = await Client().open(port)
        here = len(asyncio.all_tasks()) - 2
        if "lock" in wait:
            await holder.ask_async(Kind.ASYNC_LOCK, 1, 0)
        if wait == "a lock":
            leaving.to_async.write(Message(Kind.ASYNC_LOCK, 1, 0xFFFFFFFF).encode())
        else:
            leaving.send(b"NEV?\n" if "lock" not in wait else b"*IDN?\n", number=2)
        if wait == "no second connection":
            leaving.to_async.transport.abort()
        if wait == "unread messages":
            for number in range(4, 4000, 2):
                leaving.send(b"NEV?\n" * 100, number=number)
        await asyncio.sleep(0.01)
        leaving.to_sync.transport.abort()
        leaving.to_async.transport.abort()
        while len(asyncio.all_tasks()) > here:
            await asyncio.sleep(0.001)

    run(scenario)


@pytest.mark.parametrize("part", [b"H", b"HS\0\0", HEADER.pack(b"HS", Kind.INITIALIZE, 0, 0, 1000) + b"hislip0", b""])
def test_a_message_that_is_begun_and_does_not_come_ends_its_connection(part, monkeypatch):
    monkeypatch.setattr(hislip, "MESSAGE_S", 0.01)
    monkeypatch.setattr(hislip, "BEGIN_S", 0.01)

    async def scenario(box, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(part)
        assert await reader.read() == b""

    run(scenario)


def test_a_session_has_one_asynchronous_connection():
    async def scenario(box, port):
        client = await served(port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(Message(Kind.ASYNC_INITIALIZE, 0, client.number).encode())
        assert (await receive(reader)).kind == Kind.FATAL_ERROR
        assert (await client.ask_async(Kind.ASYNC_STATUS_QUERY)).kind == Kind.ASYNC_STATUS_RESPONSE

    run(scenario)


def test_more_connections_than_it_has_room_for_are_hung_up_on(monkeypatch):
    monkeypatch.setattr(server, "CONNECTIONS", 4)

    async def scenario(box, port):
        first, second = await Client().open(port), await Client().open(port)
        reader, _ = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        second.to_sync.close()
        assert await second.asynchronous.read() == b""
        await served(port)
        first.send(b"*IDN?\n", number=2)
        assert (await receive(first.sync)).payload == b"V2G,BOX,1,1\n"

    run(scenario)
