"""What every digitizer does alike; a new one is a line in the conftest's DIGITIZERS."""

import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.instruments.emulated.acquisition import Acquisition
from v2g_bench.instruments.emulated.meter import MeterDefects

from .conftest import ARM, DIGITIZERS, record, unasked_at_any_moment


@pytest.fixture(params=DIGITIZERS)
def both(request, digitizer):
    """(driver, emulated meter) of each digitizer."""
    return digitizer(request.param)


@pytest.mark.parametrize(
    ("defects", "words"),
    [
        (MeterDefects(stuck=True), "stuck"),
        (MeterDefects(truncated_block=True), "where .* are due|no complete block|does not hold"),
        (MeterDefects(full_error_queue=True), "no end of errors"),
        (MeterDefects(answers_another=True), "is due|are due"),
        (MeterDefects(hang=True), "no answer"),
    ],
    ids=["stuck", "half a block", "endless errors", "another answer", "silent"],
)
def test_a_defect_is_an_error_and_never_a_waveform(both, clock, rig, defects, words):
    driver, meter = both
    record(driver, meter, clock, rig)
    meter.defects = defects
    with pytest.raises(BenchError, match=words):
        record(driver, meter, clock, rig)


@pytest.mark.parametrize(
    ("defects", "seen"),
    [
        (MeterDefects(scale=1.1), lambda mean_a, length_s: abs(mean_a - 10.0) > 0.7),
        (MeterDefects(time_base=0.01), lambda mean_a, length_s: abs(length_s - 0.03) > 1e-4),
    ],
    ids=["scale", "time base"],
)
def test_a_wrong_scale_or_time_base_shows_against_the_truth(both, clock, rig, defects, seen):
    driver, meter = both

    def look():
        rig.stop_s = 1e9
        edge_s, wave = record(driver, meter, clock, rig)
        before_a = wave.between(edge_s, edge_s + 0.02).samples.mean()
        return before_a, wave.times_s[np.argmax(wave.samples < 5.0)] - edge_s

    assert not seen(*look())
    meter.defects = defects
    assert seen(*look())


def test_overload(both, clock, rig):
    driver, meter = both
    rig.current_a = 200.0
    with pytest.raises(BenchError, match=r"overload: more than the [0-9.]+ V range"):
        record(driver, meter, clock, rig)


def test_no_edge(both, clock):
    driver, _ = both
    driver.arm(**ARM)
    with pytest.raises(BenchError, match=r"no edge came.*\n.*sync line"):
        driver.fetch(clock.now_s())


@pytest.mark.parametrize("offset_s", [-10.0, 10.0])
def test_an_edge_outside_of_the_time_since_arming(both, clock, offset_s):
    driver, _ = both
    driver.arm(**ARM)
    with pytest.raises(BenchError, match="no edge can have been"):
        driver.fetch(clock.now_s() + offset_s)


def test_fetch_needs_arm(both, clock, rig):
    driver, meter = both
    with pytest.raises(BenchError, match="without arm"):
        driver.fetch(clock.now_s())
    edge_s, _ = record(driver, meter, clock, rig)
    with pytest.raises(BenchError, match="without arm"):
        driver.fetch(edge_s)


def test_abort_and_close(both, clock):
    driver, meter = both
    driver.arm(**ARM)
    assert meter.busy(clock.now_s())
    driver.close()
    assert not meter.busy(clock.now_s())
    with pytest.raises(BenchError, match="closed"):
        driver.abort()


@pytest.mark.parametrize("line", [b"+1.00000000E+00\n", b"0\n", b"16\n", b"32\n", b'+0,"No error"\n', b"#18abcdefgh\n"])
def test_a_line_that_comes_unasked_is_never_in_a_waveform_and_the_next_record_is_right(both, clock, rig, line):
    driver, meter = both

    def measure():
        rig.stop_s = 1e9
        edge_s, wave = record(driver, meter, clock, rig, before_s=0.002, after_s=0.004, after_edge_s=0.002)
        assert wave.times_s[np.argmax(wave.samples < 5.0)] - edge_s == pytest.approx(0.002, abs=50e-6)
        assert wave.between(edge_s, edge_s + 0.0018).samples.mean() == pytest.approx(10.0, abs=0.7)

    failed, moments = unasked_at_any_moment(driver._session, measure, line)
    assert moments > 8
    assert len(failed) >= moments / 2
    assert all("DIRECT" in words for words in failed)


@pytest.mark.parametrize("name", ["keysight-34465a", "keithley-dmm6500"])
def test_more_readings_in_memory_than_were_asked_for_are_not_read(digitizer, clock, rig, monkeypatch, name):
    driver, meter = digitizer(name)
    points = Acquisition.points
    monkeypatch.setattr(Acquisition, "points", lambda *args: points(*args) and 10**9)
    with pytest.raises(BenchError, match="1000000000 readings are in memory"):
        record(driver, meter, clock, rig)
