"""The bench's inverter client over real TCP, against an inverter that misbehaves in each known way."""

import socket

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.inverter.client import InverterClient


def test_a_session(emulated, client):
    assert client.identity().serial == "EMU-0001"
    assert list(client.model_addresses) == [1, 701, 702, 703, 704, 713, 714, 715]
    client.set_power_w(-3000)
    reading = client.reading()
    assert (reading.ac_power_w, reading.running, reading.fault) == (-3000, True, False)
    assert (reading.dc_voltage_v, reading.soc_pct) == (355, 51.25)
    assert reading.dc_current_a == pytest.approx(-8.45)
    client.stop()
    assert (client.reading().ac_power_w, client.reading().running) == (0, False)
    client.start()
    assert client.reading().ac_power_w == -3000
    client.reset_alarms()


def test_a_set_point_is_one_request(emulated, client):
    client.set_power_w(1000)
    emulated.exchanges.clear()
    client.set_power_w(-3000)
    assert [request[7] for _, _, request, _ in emulated.exchanges] == [16]


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("silence", r"no answer within 0\.5 s"),
        ("lost-reply", r"no answer within 0\.5 s"),
        ("exception", r"exception 6 \(server device busy\)"),
        ("delay", r"no answer within 0\.5 s"),
        ("garbage", "not Modbus TCP: de ad be ef"),
        ("wrong-transaction", "transaction id"),
        ("wrong-unit", "comes from unit 84, not 1"),
        ("wrong-function", r"to function (4|6), not (3|16)"),
        ("short-registers", r"has 60 registers|confirms 2 registers"),
        ("truncate", "the reply ends after"),
        ("drop", "closed the connection"),
    ],
)
@pytest.mark.parametrize("action", ["read", "write"])
def test_each_fault_is_an_error_that_says_what_came_and_the_next_request_is_clean(emulated, hasty, kind, what, action):
    emulated.inject(kind, times=1, code=6, delay_s=1.0)
    with pytest.raises(BenchError, match=what) as error:
        hasty.reading() if action == "read" else hasty.set_power_w(1234)
    assert error.value.where == f"inverter 127.0.0.1:{emulated.port}"
    emulated.call(emulated.server.clear)
    took_effect = action == "write" and kind not in ("silence", "exception", "delay", "drop")
    assert hasty.reading().ac_power_w == (1234 if took_effect else 0)


def test_a_fault_that_lasts_is_met_until_it_is_cleared(emulated, hasty):
    number = emulated.inject("exception", function=3)
    for _ in range(3):
        with pytest.raises(BenchError):
            hasty.reading()
    hasty.set_power_w(100)
    emulated.call(emulated.server.clear, number)
    assert hasty.reading().ac_power_w == 100


def test_another_unit(emulated):
    with InverterClient("127.0.0.1", emulated.port, 9) as client, pytest.raises(BenchError, match="exception 11"):
        client.identity()


def test_a_port_where_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(BenchError, match="nothing accepts the connection"):
        InverterClient("127.0.0.1", port).identity()


def test_dropped_connections_are_opened_again(emulated, hasty, until):
    emulated.call(emulated.server.drop_connections)
    until(lambda: emulated.server.connections == 0)
    with pytest.raises(BenchError):
        hasty.reading()
    assert hasty.reading().ac_power_w == 0


def test_beyond_the_rating(client):
    with pytest.raises(BenchError, match="illegal data value"):
        client.set_power_w(-12_000)
