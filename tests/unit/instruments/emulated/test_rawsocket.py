import asyncio

from v2g_bench.instruments.emulated.calls import Later, command
from v2g_bench.instruments.emulated.rawsocket import RawSocketServer
from v2g_bench.instruments.emulated.scpi import Instrument, Number

from .conftest import serve


class Box(Instrument):
    identity = "V2G,BOX,1,1"
    level = Number("LEVel", 0, 10, 0)
    go = False

    @command("WAIT?")
    def _wait(self, call):
        return Later(lambda now_s: self.go, lambda now_s: "went")


def run(scenario):
    serve(RawSocketServer, Box(), scenario)


def test_messages_in_one_piece_and_in_many():
    async def scenario(box, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"*IDN?\nLEV 3\nLEV?\n")
        assert await reader.readline() == b"V2G,BOX,1,1\n"
        assert await reader.readline() == b"+3.00000000E+00\n"
        for byte in b"*ESR?\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
        assert await reader.readline() == b"128\n"

    run(scenario)


def test_one_that_waits_does_not_hold_up_the_others():
    async def scenario(box, port):
        waits_reader, waits_writer = await asyncio.open_connection("127.0.0.1", port)
        waits_writer.write(b"WAIT?\n")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"*IDN?\n")
        assert await reader.readline() == b"V2G,BOX,1,1\n"
        box.go = True
        assert await waits_reader.readline() == b"went\n"

    run(scenario)


def test_what_was_sent_before_leaving_is_done():
    async def scenario(box, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"LEV 7\n")
        writer.close()
        while box.level != 7.0:
            await asyncio.sleep(0.001)

    run(scenario)


def test_what_came_behind_one_that_waits_is_dropped_when_the_peer_leaves():
    async def scenario(box, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"LEV 1;WAIT?\nLEV 7\n")
        while box.level != 1.0:
            await asyncio.sleep(0.001)
        writer.close()
        await writer.wait_closed()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        deadline_s = asyncio.get_running_loop().time() + 0.1
        while asyncio.get_running_loop().time() < deadline_s:
            writer.write(b"*IDN?\n")
            await reader.readline()
        box.go = True
        for _ in range(20):
            writer.write(b"LEV?\n")
            assert await reader.readline() == b"+1.00000000E+00\n"
            await asyncio.sleep(0.002)

    run(scenario)


def test_a_line_without_end_is_an_error_in_the_queue():
    async def scenario(box, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"A" * ((1 << 20) + 1))
        await writer.drain()
        while not len(box.status):
            await asyncio.sleep(0.001)
        writer.write(b"\n:SYST:ERR?\n")
        assert (await reader.readline()).startswith(b"-363")

    run(scenario)


def test_one_that_leaves_is_not_waited_for_whatever_it_had_sent_before():
    async def scenario(box, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"LEV 1;WAIT?\n" + b"WAIT?\n" * 100_000)
        while box.level != 1.0:
            await asyncio.sleep(0.001)
        writer.transport.abort()
        while len(asyncio.all_tasks()) > 2:  # this one, and the one around it
            await asyncio.sleep(0.001)

    run(scenario)


def test_between_two_messages_the_others_have_their_turn():
    async def scenario(box, port):
        _, flooding = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        flooding.write(b"LEV 1\n" + b"*CLS\n" * 10_000 + b"LEV 2\n")
        while box.level != 1.0:
            await asyncio.sleep(0)
        writer.write(b"LEV?\n")
        assert await reader.readline() == b"+1.00000000E+00\n"

    run(scenario)
