"""Drivers and emulated instruments over real PyVISA, on both transports, with everything that can go wrong."""

import socket
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from v2g_bench.clock import RealClock
from v2g_bench.errors import BenchError
from v2g_bench.instruments import open_meter
from v2g_bench.instruments.emulated import emulate
from v2g_bench.instruments.emulated.host import HostThread
from v2g_bench.instruments.emulated.meter import MeterDefects
from v2g_bench.instruments.session import ScpiSession

CLOCK = RealClock()
SHORT_S = 0.3  # a timeout that is waited for
SLACK_S = 10.0  # of a machine that is busy with other things


class Rig:
    stop_s = 1e18
    current_a = 10.0

    def dc_current(self, t):
        return np.where(t < self.stop_s, self.current_a, 0.0)

    def ac(self, t_from_s, t_to_s):
        return SimpleNamespace(power_w=-3000.0, voltage_v=230.0, current_a=13.0, frequency_hz=50.0)


@pytest.fixture
def rig():
    return Rig()


@pytest.fixture
def hosts():
    with HostThread() as hosts:
        yield hosts


@pytest.fixture(params=["hislip", "socket"])
def serve(request, hosts):
    """serve(instrument) -> resource, on this transport."""
    return getattr(hosts, request.param)


@pytest.fixture
def digitizer_34465a(rig):
    return emulate("keysight-34465a", probe=rig, clock=CLOCK, shunt_ohm=0.001, seed=3)


@pytest.fixture
def multimeter_8846a(rig):
    return emulate("fluke-8846a", probe=rig, clock=CLOCK, current_ratio=20.0)


@pytest.fixture
def opened():
    """opened(driver, resource, **options): an open meter, or a session for driver None; all are closed at the end."""
    parts = []

    def open_it(driver, resource, **options):
        parts.append(ScpiSession(resource, **options) if driver is None else open_meter(driver, resource, **options))
        return parts[-1]

    yield open_it
    for part in parts:
        part.close()


def record(driver, meter, rig, after_edge_s=0.02):
    driver.arm(sample_rate_hz=50e3, before_s=0.02, after_s=0.06)
    edge_s = CLOCK.now_s()
    rig.stop_s = edge_s + after_edge_s
    meter.external_trigger(edge_s)
    return edge_s, driver.fetch(edge_s)


def test_the_digitizer_records_the_stop_of_the_current(serve, opened, rig, digitizer_34465a):
    driver = opened("keysight-34465a", serve(digitizer_34465a), shunt_ohm=0.001)
    for _ in range(2):
        edge_s, wave = record(driver, digitizer_34465a, rig)
        assert len(wave) == 1000 + 3000 + 1
        assert wave.times_s[np.argmax(wave.samples < 5.0)] - edge_s == pytest.approx(0.02, abs=40e-6)
        assert wave.samples[:1500].mean() == pytest.approx(10.0, abs=0.01)
        rig.stop_s = 1e18


def test_the_analyzer_and_the_multimeter_read_the_ac_side(serve, opened, rig, multimeter_8846a):
    analyzer = opened("yokogawa-wt300e", serve(emulate("yokogawa-wt300e", probe=rig, clock=CLOCK)))
    asked_s = CLOCK.now_s()
    reading = analyzer.read()
    assert reading.power_w == pytest.approx(-3000.0, abs=10.0)
    assert reading.time_s - reading.window_s >= asked_s
    multimeter = opened("fluke-8846a", serve(multimeter_8846a), current_ratio=20.0)
    assert multimeter.ac_voltage()() == pytest.approx(230.0, abs=0.6)
    assert multimeter.ac_current()() == pytest.approx(13.0, abs=0.2)


def test_a_reading_that_nobody_waits_for_is_not_taken_for_the_next_one(serve, opened, multimeter_8846a):
    multimeter = opened("fluke-8846a", serve(multimeter_8846a), current_ratio=20.0)
    volts, amperes = multimeter.ac_voltage(), multimeter.ac_current()
    with pytest.raises(BenchError, match="the answer to 'READ\\?' is lost"):
        volts()
    assert amperes() == pytest.approx(13.0, abs=0.2)


def test_a_digitizer_that_waits_holds_up_no_other_session(serve, opened, digitizer_34465a):
    resource = serve(digitizer_34465a)
    driver = opened("keysight-34465a", resource, shunt_ohm=0.001)
    driver.arm(sample_rate_hz=50e3, before_s=0.01, after_s=0.01)
    waiting, other = opened(None, resource), opened(None, resource)
    waiting.write("*OPC?")
    assert other.query_int("STAT:OPER:COND?") == 48


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.parametrize("form", ["TCPIP::127.0.0.1::{}::SOCKET", "TCPIP::127.0.0.1::hislip0,{}::INSTR"])
def test_a_dead_port_is_an_error_that_names_it(form):
    resource = form.format(closed_port())
    with pytest.raises(BenchError) as caught:
        open_meter("fluke-8846a", resource, where="rigs/a.toml: meters.ac", timeout_s=SHORT_S)
    assert caught.value.where == "rigs/a.toml: meters.ac"
    assert f"no answer from {resource} within 0.3 s" in str(caught.value)
    assert "is the instrument on" in caught.value.hint


def test_a_port_that_accepts_and_says_nothing_is_an_error_within_the_timeout():
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        port = mute.getsockname()[1]
        for form in ("TCPIP::127.0.0.1::{}::SOCKET", "TCPIP::127.0.0.1::hislip0,{}::INSTR"):
            start_s = time.monotonic()
            with pytest.raises(BenchError, match="no answer"):
                open_meter("fluke-8846a", form.format(port), timeout_s=SHORT_S)
            assert time.monotonic() - start_s < 4.5  # pyvisa-py alone waits 5 s for HiSLIP


def test_a_name_that_is_no_resource():
    with pytest.raises(BenchError, match="no answer from here"):
        ScpiSession("here", timeout_s=SHORT_S)


def test_a_hung_instrument_is_an_error_and_works_again_afterwards(serve, opened, digitizer_34465a, rig):
    driver = opened("keysight-34465a", serve(digitizer_34465a), shunt_ohm=0.001, timeout_s=SHORT_S)
    digitizer_34465a.defects = MeterDefects(hang=True)
    start_s = time.monotonic()
    with pytest.raises(BenchError, match="no answer to"):
        driver.arm(sample_rate_hz=50e3, before_s=0.01, after_s=0.01)
    assert time.monotonic() - start_s < SHORT_S + SLACK_S
    digitizer_34465a.defects = MeterDefects()
    _, wave = record(driver, digitizer_34465a, rig)
    assert len(wave) == 4001


def test_a_late_answer_is_never_given_to_the_next_question(serve, opened, multimeter_8846a):
    session = opened(None, serve(multimeter_8846a), timeout_s=2.0)
    for _ in range(5):
        multimeter_8846a.defects = MeterDefects(late_answer_s=0.3)
        with pytest.raises(BenchError, match="no answer"):
            session.query("*IDN?", timeout_s=0.02)
        multimeter_8846a.defects = MeterDefects()
        assert session.query("FUNC1?") == '"VOLT:AC"'
        assert session.query("*ESE?") == "0"


def test_another_instrument_at_the_address(serve, multimeter_8846a):
    with pytest.raises(BenchError, match=r"'FLUKE,8846A.*' answers, where .*344"):
        open_meter("keysight-34465a", serve(multimeter_8846a), shunt_ohm=0.001)
    multimeter_8846a.defects = MeterDefects(identity="ACME,DMM,1,1")
    with pytest.raises(BenchError, match="ACME"):
        open_meter("fluke-8846a", serve(multimeter_8846a))


@pytest.mark.parametrize(
    ("defects", "words"),
    [
        (MeterDefects(stuck=True), "stuck"),
        (MeterDefects(truncated_block=True), "no complete block"),
        (MeterDefects(full_error_queue=True), "no end of errors"),
        (MeterDefects(answers_another=True), "is due"),
        (MeterDefects(late_answer_s=5.0), "no answer"),
    ],
)
def test_a_defect_is_never_a_waveform(serve, opened, rig, digitizer_34465a, defects, words):
    driver = opened("keysight-34465a", serve(digitizer_34465a), shunt_ohm=0.001, timeout_s=1.0)
    digitizer_34465a.defects = defects
    with pytest.raises(BenchError, match=words):
        record(driver, digitizer_34465a, rig)
    digitizer_34465a.defects = MeterDefects()
    assert len(record(driver, digitizer_34465a, rig)[1]) == 4001


@pytest.fixture
def another_backend(monkeypatch):
    """A PyVISA backend whose insides this project does not know: pyvisa-py under another name."""
    from pyvisa_py import highlevel

    class ElsewhereLibrary(highlevel.PyVisaLibrary):
        pass

    monkeypatch.setitem(sys.modules, "pyvisa_elsewhere", SimpleNamespace(WRAPPER_CLASS=ElsewhereLibrary))
    return "@elsewhere"


def test_any_backend_will_do(serve, opened, rig, digitizer_34465a, another_backend):
    driver = opened("keysight-34465a", serve(digitizer_34465a), shunt_ohm=0.001, backend=another_backend)
    _, wave = record(driver, digitizer_34465a, rig)
    assert len(wave) == 4001
    digitizer_34465a.defects = MeterDefects(identity="ACME,1,2,3")
    with pytest.raises(BenchError, match="ACME"):
        driver._session.identify("^Keysight")


@pytest.fixture(params=["keithley-dmm6500", "keysight-infiniivision"])
def other_digitizer(request, rig, serve, opened):
    """(driver, emulated instrument) of the digitizers that answer with other kinds of blocks."""
    options = {"shunt_ohm": 0.1, "range_v": {"keithley-dmm6500": 10.0, "keysight-infiniivision": 8.0}[request.param]}
    meter = emulate(request.param, probe=rig, clock=CLOCK, shunt_ohm=0.1, seed=3)
    return opened(request.param, serve(meter), timeout_s=1.0, **options), meter


def test_other_digitizers_record_the_stop_of_the_current_too(rig, other_digitizer):
    driver, meter = other_digitizer
    for _ in range(2):
        edge_s, wave = record(driver, meter, rig)
        assert wave.times_s[np.argmax(wave.samples < 5.0)] - edge_s == pytest.approx(0.02, abs=50e-6)
        assert wave.between(edge_s, edge_s + 0.019).samples.mean() == pytest.approx(10.0, abs=0.7)
        assert wave.start_s <= edge_s - 0.02 + 2 * wave.dt_s  # the middle of its first sample
        assert wave.end_s >= edge_s + 0.06
        rig.stop_s = 1e18


@pytest.mark.parametrize(
    ("defects", "words"),
    [
        (MeterDefects(truncated_block=True), "no complete block|are due|does not hold"),
        (MeterDefects(answers_another=True), "is due|are due"),
        (MeterDefects(hang=True), "no answer"),
        (MeterDefects(full_error_queue=True), "no end of errors"),
    ],
)
def test_a_defect_of_theirs_is_never_a_waveform_and_the_next_record_is_good(rig, other_digitizer, defects, words):
    driver, meter = other_digitizer
    record(driver, meter, rig)
    meter.defects = defects
    with pytest.raises(BenchError, match=words):
        record(driver, meter, rig)
    meter.defects, rig.stop_s = MeterDefects(), 1e18
    edge_s, wave = record(driver, meter, rig)
    assert wave.times_s[np.argmax(wave.samples < 5.0)] - edge_s == pytest.approx(0.02, abs=50e-6)


def test_an_overload_is_never_a_waveform(serve, opened, rig, digitizer_34465a):
    driver = opened("keysight-34465a", serve(digitizer_34465a), shunt_ohm=0.001)
    rig.current_a = 500.0
    with pytest.raises(BenchError, match="overload"):
        record(driver, digitizer_34465a, rig)


def test_an_instrument_that_is_switched_off_and_on(serve, hosts, opened, multimeter_8846a):
    resource = serve(multimeter_8846a)
    session = opened(None, resource, timeout_s=1.0)
    session.identify("^FLUKE")
    hosts.stop_servers()
    with pytest.raises(BenchError):
        session.query("*IDN?")
    with pytest.raises(BenchError, match="no answer from"):
        session.query("*IDN?")
    port = int(resource.split("::")[2].split(",")[-1])
    assert serve(multimeter_8846a, port) == resource
    session.identify("^FLUKE")


def test_closing_one_session_leaves_the_others(serve, opened, multimeter_8846a):
    resource = serve(multimeter_8846a)
    one, other = opened(None, resource), opened(None, resource)
    one.close()
    assert other.query("*ESE?") == "0"


def test_two_threads_on_one_session_get_their_own_answers(serve, opened, multimeter_8846a):
    session = opened(None, serve(multimeter_8846a))
    wrong = []

    def ask(question, answer):
        for _ in range(200):
            if session.query(question) != answer:
                wrong.append(question)

    threads = [
        threading.Thread(target=ask, args=pair)
        for pair in (("*ESE?", "0"), ("FUNC1?", '"VOLT:AC"'), ("SYST:VERS?", "1999.0"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


def test_every_exchange_is_in_the_log(serve, opened, multimeter_8846a):
    log = []
    before_s = CLOCK.now_s()
    session = opened(None, serve(multimeter_8846a), log=lambda *note: log.append(note))
    session.write("*CLS")
    session.query("*ESE?")
    assert [(direction, text) for _, direction, text in log] == [(">", "*CLS"), (">", "*ESE?"), ("<", "0")]
    times_s = [time_s for time_s, _, _ in log]
    assert before_s <= times_s[0] <= times_s[1] <= times_s[2] <= CLOCK.now_s()


def test_device_clear_ends_a_wait(serve, opened, digitizer_34465a):
    session = opened(None, serve(digitizer_34465a))
    for text in ("VOLT:ZERO:AUTO OFF", "SAMP:COUN 10", "TRIG:SOUR EXT", "INIT"):
        session.write(text)
    assert session.query_int("SAMP:COUN?") == 10  # all of them were carried out: a clear discards what was not
    session.write("*OPC?")
    session.clear()
    assert session.query_int("SAMP:COUN?") == 10


def test_binary_data_with_line_feeds_in_it_come_whole(serve, opened, rig, digitizer_34465a):
    """0x0A is in about every hundredth byte of noise."""
    session = opened(None, serve(digitizer_34465a))
    setup = "CONF:VOLT:DC 0.1;:VOLT:ZERO:AUTO OFF;:VOLT:APER 20E-6;:SAMP:SOUR TIM;TIM 20E-6;COUN 20000;:FORM REAL,64"
    session.write(setup + ";:TRIG:DEL 0;:INIT")
    session.check_errors()
    readings = session.query_block("FETC?", timeout_s=SLACK_S)
    assert len(readings) == 20000
    assert readings.tobytes().count(b"\n") > 10
    assert readings.mean() == pytest.approx(0.010, abs=1e-5)
    assert session.query("*ESE?") == "0"
