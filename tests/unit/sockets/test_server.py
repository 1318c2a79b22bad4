"""The server in a loop, and raw clients in the same one."""

import asyncio
import contextlib
import json

import pytest

from v2g_bench.sockets.requests import Bounds
from v2g_bench.sockets.server import LineServer


class Box:
    """A server whose answers are the lines, and how often its loop had its turn between two of them."""

    def __init__(self, path, answer=None, **bounds):
        self.path, self.turns, self.seen = path, 0, []
        self.text = answer or (lambda line: line.decode("latin-1"))
        self.server = LineServer(self.answer, Bounds(**bounds))

    async def answer(self, line, sock):
        self.seen.append(self.turns)
        return {"line": self.text(line)}

    async def tick(self):
        while True:
            await asyncio.sleep(0)
            self.turns += 1

    async def connect(self):
        return await asyncio.open_unix_connection(self.path, limit=1 << 24)

    async def __aenter__(self):
        await self.server.start(self.path, "test")
        return self

    async def __aexit__(self, *_):
        await self.server.stop()
        assert not self.path.exists()


async def ask(box):
    reader, writer = await box.connect()
    with contextlib.suppress(ConnectionError):
        writer.write(b"hello\n")
        line = await reader.readline()
        writer.close()
        return json.loads(line)["line"] if line else "hung up"
    return "hung up"


def run(work):
    async def bounded():
        async with asyncio.timeout(30):
            await work()

    asyncio.run(bounded())


def test_lines_are_answered_in_order_and_the_last_one_needs_no_end(tmp_path):
    async def work():
        async with Box(tmp_path / "s") as box:
            reader, writer = await box.connect()
            writer.write(b"one\ntwo\nthree")
            writer.write_eof()
            found = await reader.read()
            assert [json.loads(line)["line"] for line in found.splitlines()] == ["one", "two", "three"]

    run(work)


def test_between_two_requests_of_one_client_the_rest_of_the_loop_has_its_turn(tmp_path):
    async def work():
        async with Box(tmp_path / "s") as box:
            ticking = asyncio.create_task(box.tick())
            reader, writer = await box.connect()
            writer.write(b"\n" * 1000)
            writer.write_eof()
            await reader.read()
            ticking.cancel()
            assert len(box.seen) == 1000
            assert len(set(box.seen)) == 1000, "two answers in one turn"

    run(work)


def test_a_client_that_never_reads_is_hung_up_on_and_holds_nobody_up(tmp_path):
    async def work():
        async with Box(tmp_path / "s", lambda line: "x" * 4_000_000, clients=2, send_s=0.05) as box:
            reader, writer = await box.connect()
            reader._transport.pause_reading()
            writer.write(b"a\nb\n")
            assert len(await ask(box)) == 4_000_000, "while the other does not read"
            while box.server._writers:
                await asyncio.sleep(0)
            reader._transport.resume_reading()
            assert len(await reader.read()) < 4_000_000, "not even one whole answer"
            writer.close()

    run(work)


@pytest.mark.parametrize(
    ("sent", "bounds"),
    [
        (b"half", {"line_s": 0.02}),
        (b"", {"idle_s": 0.02}),
        (b"whole\n", {"idle_s": 0.02}),
        (b"whole\nhalf", {"line_s": 0.02}),
        (b"x" * 200, {"line_bytes": 100}),
        (b"x" * 200 + b"\n", {"line_bytes": 100}),
    ],
    ids=["half a line", "nothing", "one line", "one and a half", "too long", "too long, with an end"],
)
def test_beyond_a_bound_it_is_hung_up_on(tmp_path, sent, bounds):
    async def work():
        async with Box(tmp_path / "s", **bounds) as box:
            reader, writer = await box.connect()
            writer.write(sent)
            with contextlib.suppress(ConnectionError):
                assert (await reader.read()).count(b"\n") == sent.startswith(b"whole")
            writer.close()
            assert await ask(box) == "hello"

    run(work)


def test_bytes_now_and_then_do_not_make_a_line_last_longer(tmp_path):
    async def work():
        async with Box(tmp_path / "s", line_s=0.05) as box:
            reader, writer = await box.connect()

            async def drip():
                while True:
                    writer.write(b"x")
                    await asyncio.sleep(0.002)

            dripping = asyncio.create_task(drip())
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            dripping.cancel()
            writer.close()

    run(work)


def test_more_clients_than_it_may_have_are_hung_up_on_until_one_has_gone(tmp_path):
    async def work():
        async with Box(tmp_path / "s", clients=3) as box:
            held = [await box.connect() for _ in range(3)]
            for reader, writer in held:
                writer.write(b"hello\n")
                assert await reader.readline()
            assert await ask(box) == "hung up"
            held[0][1].close()
            while await ask(box) != "hello":
                pass

    run(work)


def test_it_is_stopped_while_a_client_does_not_read(tmp_path):
    async def work():
        async with Box(tmp_path / "s", lambda line: "x" * 4_000_000) as box:
            reader, writer = await box.connect()
            reader._transport.pause_reading()
            writer.write(b"a\n")
            while not box.seen:
                await asyncio.sleep(0)

    run(work)
