import asyncio

import pytest

from v2g_bench.sim.network import TRANSIT_S


class Collector(asyncio.Protocol):
    def __init__(self, loop):
        self.loop, self.came, self.lost, self.transport = loop, [], False, None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.came.append((self.loop.time(), data))

    def connection_lost(self, exc):
        self.lost = True


@pytest.fixture
def pair(loop):
    far = Collector(loop)

    async def join():
        server = await loop.create_server(lambda: far, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        _, near = await loop.create_connection(lambda: Collector(loop), "127.0.0.1", port)
        return near

    return loop.complete(join(), 1.0), far


def test_bytes_arrive_after_the_transit_in_their_order(pair, timeline):
    near, far = pair
    begun_s = timeline.now_s()
    near.transport.write(b"one")
    near.transport.write(b"two")
    timeline.pause(1.0)
    assert [data for _, data in far.came] == [b"one", b"two"]
    assert far.came[0][0] - begun_s == pytest.approx(TRANSIT_S)


def test_a_close_is_heard_at_both_ends_and_nothing_arrives_after_it(pair, timeline):
    near, far = pair
    far.transport.write(b"late")
    near.transport.close()
    timeline.pause(1.0)
    assert near.lost
    assert far.lost
    assert near.came == []


def test_nobody_listens(loop):
    with pytest.raises(ConnectionRefusedError, match="nobody listens"):
        loop.complete(loop.create_connection(lambda: Collector(loop), "127.0.0.1", 1), 1.0)
