"""The emulated inverter's server over real TCP, and pysunspec2's client as an outside opinion of its map."""

import struct
import threading

import pytest
import sunspec2.modbus.client as oracle

from v2g_bench.inverter.frames import Adu


def read_request(transaction_id, address, count=1, unit=1):
    return Adu(transaction_id, unit, struct.pack(">BHH", 3, address, count)).to_bytes()


def test_pipelined_requests_are_answered_in_order_each_with_its_own_id(raw):
    link = raw()
    link.send(read_request(10, 40000), read_request(9, 40001), read_request(8, 1), read_request(7, 40002))
    replies = link.on_frame(4)
    assert [reply.transaction_id for reply in replies] == [10, 9, 8, 7]
    assert [reply.pdu.hex() for reply in replies] == ["03025375", "03026e53", "8302", "03020001"]


def test_a_request_may_come_byte_by_byte(raw):
    link = raw()
    for byte in read_request(3, 40000):
        link.send(bytes([byte]))
    assert link.on_frame(1)[0].pdu.hex() == "03025375"


def test_clients_do_not_wait_for_each_other(emulated, raw, until):
    emulated.inject("delay", delay_s=60.0, times=1)
    slow, quick = raw(), raw()
    slow.send(read_request(1, 40000), read_request(2, 40000))
    until(lambda: not emulated.server._faults._faults)  # the slow client's first request has met the delay
    quick.send(read_request(5, 40001))
    assert quick.on_frame(1)[0].transaction_id == 5
    assert [len(reply) for *_, reply in emulated.exchanges] == [11]  # the slow client's requests still wait


def test_a_delayed_request_keeps_its_place(emulated, raw):
    emulated.inject("delay", delay_s=0.1, times=1)
    link = raw()
    link.send(read_request(1, 40000), read_request(2, 40001))
    assert [reply.transaction_id for reply in link.on_frame(2)] == [1, 2]


def test_interleaved_clients_each_get_their_own_answers(raw):
    links = [raw() for _ in range(5)]
    for number in range(20):
        for index, link in enumerate(links):
            link.send(read_request(100 * index + number, 40000 + index))
    for index, link in enumerate(links):
        replies = link.on_frame(20)
        assert [reply.transaction_id for reply in replies] == [100 * index + number for number in range(20)]
        assert len({reply.pdu for reply in replies}) == 1


def test_a_flood_that_is_not_read_is_answered_in_full(raw):
    link = raw()
    count = 2000
    sender = threading.Thread(target=link.send, args=(b"".join(read_request(n, 40070, 120) for n in range(count)),))
    sender.start()
    replies = link.on_frame(count)
    sender.join(10.0)
    assert [reply.transaction_id for reply in replies] == list(range(count))


def test_garbage_ends_the_connection_after_the_answers_that_are_due(raw):
    link = raw()
    link.send(read_request(1, 40000), b"\xff" * 40)
    assert link.on_frame(1)[0].transaction_id == 1
    assert link.socket.recv(100) == b""


def test_another_unit_is_not_here(raw):
    link = raw()
    link.send(read_request(1, 40000, unit=9))
    assert link.on_frame(1)[0].pdu.hex() == "830b"


def test_stop_closes_every_connection_and_the_port(emulated, raw):
    links = [raw(), raw()]
    for link in links:
        link.send(read_request(1, 40000))
        link.on_frame(1)
    emulated.await_(emulated.server.stop())
    for link in links:
        with pytest.raises((ConnectionError, AssertionError)):
            link.on_frame(1)
    with pytest.raises(ConnectionError):
        raw()
    assert emulated.server.connections == 0


def test_each_exchange_is_logged_with_its_time_and_peer(emulated, raw):
    link = raw()
    before_s = emulated.clock.now_s()
    link.send(read_request(7, 40000))
    (reply,) = link.on_frame(1)
    ((time_s, peer, request, answer),) = emulated.exchanges
    assert before_s <= time_s <= emulated.clock.now_s()
    assert peer == f"127.0.0.1:{link.socket.getsockname()[1]}"
    assert (request, answer) == (read_request(7, 40000), reply.to_bytes())


def test_timers_run_while_nobody_asks(emulated, client, until):
    client.set_reversion(500.0, after_s=1)
    client.set_power_w(-3000)
    until(lambda: emulated.stage.commands[-1][0] == 500.0)
    written_s, reverted_s = (time_s for _, time_s in emulated.stage.commands[-2:])
    assert reverted_s - written_s >= 1.0


class TestOutsideOpinion:
    """pysunspec2's own client reads the map and commands it."""

    @pytest.fixture
    def device(self, emulated):
        device = oracle.SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr="127.0.0.1", ipport=emulated.port)
        device.scan()
        yield device
        device.close()

    def test_it_finds_the_models_without_an_error(self, device):
        assert sorted(key for key in device.models if isinstance(key, int)) == [1, 701, 702, 703, 704, 713, 714, 715]
        for models in device.models.values():
            assert not any(model.error_info for model in models)

    def test_it_reads_what_the_client_reads(self, emulated, device, client):
        client.set_power_w(-3000)
        ac, direct = device.DERMeasureAC[0], device.DERMeasureDC[0]
        ac.read()
        direct.read()
        assert (ac.W.cvalue, ac.LNV.cvalue, ac.Hz.cvalue) == (3000, pytest.approx(230), pytest.approx(50))
        assert ac.VA.value is None
        assert direct.Prt[0].PrtTyp.value == 2
        assert direct.DCA.cvalue == pytest.approx(-client.reading().dc_current_a)
        assert device.common[0].SN.value == client.identity().serial

    def test_its_set_point_is_taken(self, emulated, device):
        controls = device.DERCtlAC[0]
        controls.WSetMod.value, controls.WSet.cvalue, controls.WSetEna.value = 1, -3000, 1
        controls.write()
        assert emulated.stage.commands[-1][0] == 3000.0
