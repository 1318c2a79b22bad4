"""The client against maps that are not the emulator's: other addresses, fewer models, other scale factors."""

import math

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.inverter import client as client_module
from v2g_bench.inverter.client import InverterClient
from v2g_bench.inverter.codes import ModbusException
from v2g_bench.inverter.registers import RegisterImage


class StrangersLink:
    """A link to a register image, with the refusals of a plain device."""

    where = "inverter 192.0.2.9:502"

    def __init__(self, image):
        self.image, self.writes = image, []

    def read(self, address, count):
        return self.image.read(address, count)

    def write(self, address, values):
        self.image.points_written(address, values)
        self.image.store(address, values)
        self.writes.append((address, list(values)))

    def close(self):
        pass


@pytest.fixture
def meet(monkeypatch):
    def connect(base, models, values):
        image = RegisterImage(base, models)
        for key, value in values.items():
            image.put(key, value)
        link = StrangersLink(image)
        monkeypatch.setattr(client_module, "ModbusLink", lambda *_: link)
        return InverterClient("192.0.2.9", 502), link

    return connect


ACTIVE_POWER = {"704.WSet_SF": 1, "704.WSetEna": 0, "704.WSetMod": 0, "704.WSet": 0}


@pytest.mark.parametrize("base", [0, 40000, 50000])
def test_it_finds_the_map_at_any_of_the_three_addresses(meet, base):
    client, _ = meet(base, {1: 1, 701: 1}, {"1.Mn": "Stranger", "1.SN": "7"})
    assert client.model_addresses == {1: base + 2, 701: base + 70}
    assert client.identity().maker == "Stranger"
    assert client.identity().version == ""


def test_no_map_is_an_error_that_says_where_it_looked(meet):
    client, _ = meet(30000, {1: 1}, {})
    with pytest.raises(BenchError, match="no SunSpec map at 40000, 0, 50000"):
        client.identity()


def test_watts_are_scaled_and_turned_and_written_at_once(meet):
    client, link = meet(40000, {1: 1, 704: 1}, ACTIVE_POWER)
    client.set_power_w(-3000)
    assert link.writes == [(link.image.address("704.WSetEna"), [1, 1, 0, 300])]
    client.set_power_w(3000)
    assert link.writes[1][1] == [1, 1, 0xFFFF, 0x10000 - 300]


def test_a_lost_sign_is_seen(meet, monkeypatch):
    client, link = meet(40000, {1: 1, 704: 1}, ACTIVE_POWER)
    monkeypatch.setattr(client_module, "turned", lambda signed: signed)
    client.set_power_w(-3000)
    assert link.writes[0][1] != [1, 1, 0, 300]


def test_a_reading_of_an_inverter_with_few_models(meet):
    values = {"701.W_SF": 1, "701.W": -3000, "701.V_SF": -1, "701.LLV": 400.5, "701.InvSt": 4, "701.Alrm": 0}
    client, _ = meet(40000, {1: 1, 701: 1}, values)
    reading = client.reading()
    assert (reading.ac_power_w, reading.ac_voltage_v) == (3000, pytest.approx(400.5))
    assert (reading.running, reading.fault) == (True, False)
    assert all(map(math.isnan, (reading.frequency_hz, reading.soc_pct, reading.dc_voltage_v, reading.dc_current_a)))


def test_an_alarm_is_a_fault(meet):
    client, _ = meet(40000, {1: 1, 701: 1}, {"701.Alrm": 1 << 7, "701.InvSt": 6})
    assert client.reading().fault
    assert not client.reading().running


def test_two_ports_and_no_port(meet):
    values = {"714.DCA_SF": -1, "714.DCV_SF": 0, "714.DCA": 8, "714.Prt[0].DCV": 355}
    client, _ = meet(40000, {1: 1, 701: 1, 714: 2}, values)
    assert (client.reading().dc_current_a, client.reading().dc_voltage_v) == (-8, 355)
    client, _ = meet(40000, {1: 1, 701: 1, 714: 0}, {})
    assert math.isnan(client.reading().dc_voltage_v)


def test_without_model_715_it_stops_by_enter_service(meet):
    client, link = meet(40000, {1: 1, 703: 1}, {"703.ES": 1})
    client.stop()
    client.start()
    address = link.image.address("703.ES")
    assert link.writes == [(address, [0]), (address, [1])]


def test_with_model_715_it_stops_by_the_operation(meet):
    client, link = meet(40000, {1: 1, 703: 1, 715: 1}, {"703.ES": 1, "715.OpCtl": 1, "715.AlarmReset": 0})
    client.stop()
    client.reset_alarms()
    assert link.writes == [(link.image.address("715.OpCtl"), [0]), (link.image.address("715.AlarmReset"), [1])]


def test_a_missing_model_is_named_with_those_that_are_there(meet):
    client, _ = meet(40000, {1: 1, 701: 1}, {})
    with pytest.raises(BenchError, match=r"no SunSpec model 704\n  it has 1, 701"):
        client.set_power_w(1000)


def test_an_inverter_that_cannot_be_set_in_watts_says_so(meet):
    client, link = meet(40000, {1: 1, 704: 1}, {})
    with pytest.raises(BenchError, match=r"704\.WSet is not implemented"):
        client.set_power_w(1000)
    assert link.writes == []


def test_a_refusal_is_named(meet):
    client, _ = meet(40000, {1: 1, 715: 1}, {})
    with pytest.raises(BenchError, match=r"exception 2 \(illegal data address\)"):
        client.stop()


@pytest.mark.parametrize("code", [1, 4, 6, 11])
def test_a_map_is_looked_for_at_every_address_whatever_the_refusal_at_one(meet, monkeypatch, code):
    client, link = meet(50000, {1: 1}, {"1.Mn": "Stranger"})
    there = link.read

    def read(address, count):
        if address < 50000:
            raise ModbusException(code, f"read at {address}")
        return there(address, count)

    monkeypatch.setattr(link, "read", read)
    assert client.identity().maker == "Stranger"
    monkeypatch.setattr(link, "read", lambda address, count: read(0, count))
    client._models = {}
    with pytest.raises(BenchError, match=f"exception {code}"):
        client.identity()


def put(link, key, raw):
    link.image._registers[link.image.address(key) - link.image.base] = raw & 0xFFFF


@pytest.mark.parametrize(("raw", "what"), [(0x8000, "is not implemented"), (300, "is 300"), (-11, "is -11")])
def test_a_scale_factor_that_is_none_is_an_error_and_not_1(meet, raw, what):
    client, link = meet(40000, {1: 1, 701: 1, 704: 1}, ACTIVE_POWER | {"701.W_SF": 0, "701.W": -3000})
    put(link, "701.W_SF", raw)
    put(link, "704.WSet_SF", raw)
    with pytest.raises(BenchError, match=rf"701\.W: its scale factor W_SF {what}"):
        client.reading()
    with pytest.raises(BenchError, match=rf"704\.WSet: its scale factor WSet_SF {what}"):
        client.set_power_w(1000)
    assert link.writes == []


def test_a_scale_factor_that_has_changed_is_detected_and_counts_from_then_on(meet):
    client, link = meet(40000, {1: 1, 701: 1, 704: 1}, ACTIVE_POWER | {"701.W_SF": 0, "701.W": -3000})
    client.set_power_w(-3000)
    assert client.reading().ac_power_w == 3000
    put(link, "704.WSet_SF", 2)
    with pytest.raises(BenchError, match=r"704\.WSet_SF has changed from 1 to 2"):
        client.reading()
    client.set_power_w(-3000)
    assert client.reading().ac_power_w == 3000
    assert [values for _, values in link.writes] == [[1, 1, 0, 300], [1, 1, 0, 30]]


def test_a_chain_that_ends_where_nothing_can_be_read(meet, monkeypatch):
    client, link = meet(40000, {1: 1}, {})
    there, end = link.read, link.image.model_ranges[1].stop

    def read(address, count):
        if address >= end:
            raise ModbusException(2, f"read at {address}")
        return there(address, count)

    monkeypatch.setattr(link, "read", read)
    with pytest.raises(BenchError, match=f"no end: nothing can be read at {end}, after 1 models"):
        client.identity()


def test_a_chain_without_an_end(meet, monkeypatch):
    client, link = meet(40000, {1: 1}, {})
    monkeypatch.setattr(link, "read", lambda address, count: [0x5375, 0x6E53] if address == 40000 else [1, 0][:count])
    with pytest.raises(BenchError, match="no end"):
        client.identity()


def test_an_end_model_without_a_length(meet, monkeypatch):
    client, link = meet(40000, {1: 1}, {})
    end = link.image.model_ranges[1].stop

    def read(address, count):
        if address + count > end + 1:
            raise ModbusException(2, "past the end")
        return link.image.read(address, count)

    monkeypatch.setattr(link, "read", read)
    assert client.model_addresses == {1: 40002}


def test_a_refusal_other_than_no_such_register_is_told_where_nothing_is_found(meet, monkeypatch):
    client, link = meet(40000, {1: 1}, {})

    def busy(address, count):
        raise ModbusException(6, f"read at {address}")

    monkeypatch.setattr(link, "read", busy)
    with pytest.raises(BenchError, match="read at 40000: exception 6"):
        client.identity()
