"""The bench's Modbus TCP link against a server that says what the test wants."""

import socket
import struct
import threading

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.inverter.modbus import ModbusLink

TWO_REGISTERS = b"\x03\x04\x00\x01\x00\x02"


@pytest.fixture
def link_to():
    """A link to a server that answers with two registers; reply_id makes the transaction id out of that of the request."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(5)
    links, threads = [], []

    def serve(reply_id):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                while request := connection.recv(12):
                    number = reply_id(int.from_bytes(request[:2], "big"))
                    connection.sendall(struct.pack(">HHHB", number, 0, len(TWO_REGISTERS) + 1, 1) + TWO_REGISTERS)

    def connect(reply_id):
        threads.append(threading.Thread(target=serve, args=[reply_id]))
        threads[-1].start()
        links.append(ModbusLink("127.0.0.1", listener.getsockname()[1], 1, 0.3))
        return links[-1]

    yield connect
    for link in links:
        link.close()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("reply_id", [0, 77])
def test_a_reply_to_another_request_is_an_error_also_with_the_id_0(link_to, reply_id):
    link = link_to(lambda _: reply_id)
    with pytest.raises(BenchError, match=f"the reply has transaction id {reply_id}, not 1"):
        link.read(40000, 2)
    assert not link._client.connected  # what comes late must not pass for the next answer


def test_ids_that_wrap_are_as_any_other(link_to):
    link = link_to(lambda number: number)
    assert link.read(40000, 2) == [1, 2]
    link._client.transaction.next_tid = 64_999
    for _ in range(3):
        assert link.read(40000, 2) == [1, 2]
    assert link._transaction_id == 2
