"""The meters of a rig: what is asked of each when it is opened, and what of its calibration counts."""

from types import SimpleNamespace

import pytest

from v2g_bench.clock import SimClock
from v2g_bench.errors import BenchError
from v2g_bench.instruments.protocols import Identity
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.parts import instruments, trigger_timing
from v2g_bench.rig.parts.instruments import Instruments

IDENTITY = Identity("Keysight Technologies", "34465A", "MY54500001", "A.02.17")


class Meter:
    """A driver, as far as a rig asks."""

    def identity(self):
        return IDENTITY

    def close(self):
        """Nothing is open."""


@pytest.fixture
def opened(monkeypatch):
    """(driver, resource, options) of each meter that was opened."""
    opened = []

    def open_meter(driver, resource, **options):
        opened.append((driver, resource, options))
        return Meter()

    monkeypatch.setattr(instruments, "open_meter", open_meter)
    monkeypatch.setattr(trigger_timing, "timing_of", lambda loaded: None)
    return opened


@pytest.fixture
def measured(monkeypatch):
    """The trigger of this rig was measured: 7 us, and what is wrong with that measurement."""

    def measured(problem=""):
        timing = SimpleNamespace(offset_s=7e-6, expanded_s=2e-6, k=2.0, problem=lambda identity, now: problem)
        monkeypatch.setattr(trigger_timing, "timing_of", lambda loaded: timing)

    return measured


@pytest.fixture
def meters():
    return Instruments(load_rig("virtual"), SimClock())


def opening(meters, name, closers=None):
    return meters.open(name, "TCPIP::here::INSTR", None, lambda what, close: (closers or []).append(what))


def test_a_meter_is_opened_as_the_rig_file_says_and_closed_with_the_rig(meters, opened):
    closers = ["nothing yet"]
    assert opening(meters, "dc_current", closers) == str(IDENTITY)
    ((driver, resource, options),) = opened
    wanted = load_rig("virtual").rig.meters.named()["dc_current"]
    assert (driver, resource) == (wanted.driver, "TCPIP::here::INSTR")
    assert (options["shunt_ohm"], options["timeout_s"]) == (wanted.shunt_ohm, wanted.timeout_s)
    assert "trigger_latency_s" not in options
    assert list(meters.meters) == ["dc_current"]
    assert closers[1:] == ["meters.dc_current"]


def test_the_trigger_latency_is_the_measured_one_and_the_digitizers_alone(meters, opened, measured):
    measured()
    opening(meters, "dc_current")
    opening(meters, "ac_power")
    assert [options.get("trigger_latency_s") for _, _, options in opened] == [7e-6, None]


def test_a_measurement_of_another_instruments_trigger_is_refused_and_the_meter_is_closed_all_the_same(
    meters, opened, measured
):
    measured("the trigger was measured on serial 'X'")
    closers = ["nothing yet"]
    with pytest.raises(BenchError, match=r"meters.dc_current: trigger: .* serial 'X'\n.*v2g-bench calibrate"):
        opening(meters, "dc_current", closers)
    assert closers[1:] == ["meters.dc_current"]


def test_without_a_record_no_calibration_counts(meters, opened):
    opening(meters, "dc_current")
    opening(meters, "ac_power")
    for name in ("dc_current", "ac_power"):
        assert not meters.calibration(name).ok
        assert not meters.calibrated(name).components(10.0)
