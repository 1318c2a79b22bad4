import asyncio

import pytest

from v2g_bench.clock import RealClock
from v2g_bench.instruments.emulated.calls import Later, command
from v2g_bench.instruments.emulated.hislip import HislipServer
from v2g_bench.instruments.emulated.rawsocket import RawSocketServer
from v2g_bench.instruments.emulated.scpi import Instrument
from v2g_bench.instruments.emulated.server import InstrumentServer, carry_out

from .conftest import BOUND_S, serve


class Box(Instrument):
    identity = "V2G,BOX,1,1"
    go = False

    @command("WAIT?")
    def _wait(self, call):
        return Later(lambda now_s: self.go, lambda now_s: "went")


class Eight(InstrumentServer):
    """Wants eight bytes, and says them again."""

    async def _serve(self, reader, writer):
        while True:
            writer.write(await reader.readexactly(8))


async def rest(reader):
    """What still comes until the connection is closed, or reset because something that it sent was not read."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("server", [RawSocketServer, HislipServer, Eight])
def test_stop_closes_connections_that_wait_and_leaves_no_task(server):
    async def whole():
        running = server(Box(), RealClock())
        port = await running.start()
        async with asyncio.timeout(BOUND_S):
            peers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            for _, writer in peers:
                writer.write(b"WAIT?\n")
                await writer.drain()
            await running.stop()
            assert [await rest(reader) for reader, _ in peers] == [b""] * 3
            assert asyncio.all_tasks() == {asyncio.current_task()}
            with pytest.raises(OSError, match="onnect"):
                await asyncio.open_connection("127.0.0.1", port)

    asyncio.run(whole())


def test_a_peer_that_leaves_in_the_middle_disturbs_no_other():
    async def scenario(box, port):
        staying, to_staying = await asyncio.open_connection("127.0.0.1", port)
        leaving, to_leaving = await asyncio.open_connection("127.0.0.1", port)
        to_leaving.write(b"1234")
        to_leaving.write_eof()
        assert await leaving.read() == b""
        to_staying.write(b"12345678")
        assert await staying.readexactly(8) == b"12345678"

    serve(Eight, Box(), scenario)


def test_an_answer_that_waits_is_there_when_it_can_be():
    async def whole():
        box = Box()
        answer = asyncio.create_task(carry_out(box.execute("WAIT?"), RealClock()))
        await asyncio.sleep(0)
        assert not answer.done()
        box.go = True
        async with asyncio.timeout(BOUND_S):
            assert await answer == b"went\n"

    asyncio.run(whole())
