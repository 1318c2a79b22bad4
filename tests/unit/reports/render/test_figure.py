"""The figures are checked against the data through their own tick labels, not through the code that drew them."""

import dataclasses
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from v2g_bench.reports.model.record import NAN, Record, Step, load_record
from v2g_bench.reports.render.figure import describe, figure_svg, shutdown_svg, trace_svg

SVG = "{http://www.w3.org/2000/svg}"


def elements(svg, tag, css):
    return [e for e in ET.fromstring(svg).iter(SVG + tag) if css in e.get("class", "").split()]


def axis(svg, which):
    """Pixels to data along one axis, from the tick labels."""
    ticks = [e for e in elements(svg, "text", "tick") if which in e.get("class").split()]
    pixels = [float(e.get(which)) - (4.3 if which == "y" else 0.0) for e in ticks]
    values = [float(e.text.replace("−", "-")) for e in ticks]
    assert len(values) >= 2
    slope, offset = np.polyfit(pixels, values, 1)
    return lambda pixel: slope * np.asarray(pixel) + offset


def line(svg):
    (found,) = elements(svg, "polyline", "wave")
    points = np.array([[float(n) for n in pair.split(",")] for pair in found.get("points").split()])
    return axis(svg, "x")(points[:, 0]), axis(svg, "y")(points[:, 1])


def vertical(svg, css):
    (found,) = [e for e in elements(svg, "path", css) if "V" in e.get("d")]
    return float(axis(svg, "x")(float(found.get("d")[1:].split()[0])))


@pytest.fixture
def record(sample, tmp_path):
    sample.write_shutdown(tmp_path / "a.npz", 0.0234, before=-7.5)
    return load_record(tmp_path, "a.npz")


@pytest.mark.parametrize("small", [False, True])
def test_the_line_lies_on_the_samples(record, small):
    x, y = line(shutdown_svg(record, "trial 1", small=small))
    t_ms = 1e3 * (record.times_s() - record.t0_s)
    assert x.min() == pytest.approx(-10.0, abs=0.3)
    assert x.max() == pytest.approx(70.0, abs=0.3)
    shown = record.samples[(t_ms >= -10) & (t_ms <= 70)]
    assert y.min() == pytest.approx(shown.min(), abs=0.08)
    assert y.max() == pytest.approx(shown.max(), abs=0.08)
    before, after = y[x < 15.0], y[x > 30.0]
    assert before.mean() == pytest.approx(-7.5, abs=0.1)
    assert after.mean() == pytest.approx(0.0, abs=0.1)
    falling = (x > 20.0) & (x < 23.0)
    expected = np.interp(x[falling], t_ms, record.samples)
    assert np.abs(y[falling] - expected).max() < 0.5


def test_t0_t1_limit_and_bands_stand_where_they_should(record):
    svg = shutdown_svg(record, "trial 1")
    assert vertical(svg, "ink") == pytest.approx(0.0, abs=0.05)
    assert vertical(svg, "mark") == pytest.approx(23.4, abs=0.05)
    assert vertical(svg, "bad") == pytest.approx(50.0, abs=0.05)
    x, y = axis(svg, "x"), axis(svg, "y")
    (guard,), (band,) = elements(svg, "rect", "guard"), elements(svg, "rect", "band")
    assert x(float(guard.get("x"))) == pytest.approx(49.7, abs=0.05)
    assert x(float(guard.get("x")) + float(guard.get("width"))) == pytest.approx(50.0, abs=0.05)
    assert y(float(band.get("y"))) == pytest.approx(0.375, abs=0.03)
    assert y(float(band.get("y")) + float(band.get("height"))) == pytest.approx(-0.375, abs=0.03)
    (dot,) = elements(svg, "circle", "mark-dot")
    assert y(float(dot.get("cy"))) == pytest.approx(-0.375, abs=0.03)


def test_a_spike_of_one_sample_is_in_the_line(record):
    samples = record.samples.copy()
    at = round((record.t0_s + 0.040 - record.start_s) / record.dt_s)
    samples[at] = -3.0
    x, y = line(shutdown_svg(dataclasses.replace(record, samples=samples), "trial 1"))
    lowest = y[(x > 35) & (x < 45)].argmin()
    assert y[(x > 35) & (x < 45)][lowest] == pytest.approx(-3.0, abs=0.05)
    assert x[(x > 35) & (x < 45)][lowest] == pytest.approx(40.0, abs=0.2)


def test_a_late_fall_is_inside_the_picture(sample, tmp_path):
    sample.write_shutdown(tmp_path / "late.npz", 0.093)
    svg = shutdown_svg(load_record(tmp_path, "late.npz"), "late")
    assert vertical(svg, "mark") == pytest.approx(93.0, abs=0.1)
    assert line(svg)[0].max() > 94.0


def test_a_current_that_never_falls_has_no_t1(sample, tmp_path):
    sample.write_shutdown(tmp_path / "on.npz", 0.0, falls=False)
    record = load_record(tmp_path, "on.npz")
    svg = shutdown_svg(record, "stays on")
    assert elements(svg, "circle", "mark-dot") == []
    assert "no lasting fall below" in describe(record)
    assert vertical(svg, "bad") == pytest.approx(50.0, abs=0.1)


def test_what_does_not_exist_is_no_number(sample, tmp_path):
    sample.write_shutdown(tmp_path / "on.npz", 0.0, falls=False)
    record = dataclasses.replace(load_record(tmp_path, "on.npz"), before=np.nan, threshold=np.nan)
    assert "nan" not in shutdown_svg(record, "no current flowed before")
    assert describe(record).startswith("no level before t0, no threshold, limit 50 ms")


def test_the_tracks_of_a_shutdown_lie_below_its_current_on_the_same_axis(sample, tmp_path):
    sample.write_shutdown(tmp_path / "late.npz", 0.07)
    plain = load_record(tmp_path, "late.npz")
    tracks = {"contactors reported": [Step(plain.start_s, "closed", True), Step(plain.t0_s + 0.04, "open", False)]}
    svg = figure_svg(dataclasses.replace(plain, tracks=tracks), "late")
    assert "open, 40.0 ms" in svg
    assert vertical(svg, "bad") == pytest.approx(50.0, abs=0.1)
    assert "contactors reported" not in figure_svg(dataclasses.replace(plain, tracks=tracks), "late", small=True)


def test_names_for_those_who_do_not_see_it(record):
    root = ET.fromstring(shutdown_svg(record, 'trial "1" <b>'))
    assert root.get("role") == "img"
    assert root.get("aria-label").startswith('trial "1" <b>: −7.5 A before t0, below 0.375 A from 23.40 ms')
    assert root.find(SVG + "title").text == root.get("aria-label")
    labels = [e.text for e in root.iter(SVG + "text")]
    assert {"time after t0 / ms", "current / A", "t0", "t1 = 23.40 ms", "limit 50 ms, guard 0.3 ms"} <= set(labels)


def test_the_same_record_gives_the_same_bytes_and_no_ids(record):
    svg = shutdown_svg(record, "trial 1")
    assert svg == shutdown_svg(record, "trial 1")
    assert " id=" not in svg


def test_a_trace_has_its_limit_its_events_and_its_gaps(sample, tmp_path):
    sample.write_power_trace(tmp_path / "b.npz")
    record = load_record(tmp_path, "b.npz")
    svg = figure_svg(record, "power")
    assert svg == trace_svg(record, "power")
    x, y = line(svg)
    assert (x.min(), x.max()) == (pytest.approx(0, abs=0.02), pytest.approx(7.9, abs=0.02))
    assert (y.min(), y.max()) == (pytest.approx(-3012, abs=15), pytest.approx(-8, abs=15))
    (limit,) = [e for e in elements(svg, "path", "bad") if "H" in e.get("d")]
    assert axis(svg, "y")(float(limit.get("d").split()[1].split("H")[0])) == pytest.approx(-100.0, abs=10)
    marks = [float(e.get("d")[1:].split()[0]) for e in elements(svg, "path", "mark")]
    assert axis(svg, "x")(marks) == pytest.approx([2.96, 4.8], abs=0.02)
    samples = record.samples.copy()
    samples[40] = np.nan
    assert len(elements(figure_svg(dataclasses.replace(record, samples=samples), "gap"), "polyline", "wave")) == 2


def test_a_record_of_two_equal_samples_can_be_drawn():
    record = Record(np.zeros(2), start_s=0.0, dt_s=0.1, unit="A", t0_s=0.05, threshold=NAN, shutdown=True)
    ET.fromstring(figure_svg(record, "flat"))
    ET.fromstring(figure_svg(dataclasses.replace(record, shutdown=False), "flat", small=True))


TRACKS = {
    "inverter ordered to": [Step(1000.0, "-3000 W", True), Step(1001.001, "stop", False)],
    "contactors asked for": [Step(1000.0, "closed", True), Step(1001.021, "open", False)],
    "contactors reported": [Step(1000.0, "closed", True), Step(1001.040, "open", False), Step(1003.0, "closed", True)],
}


def sequence(record):
    events = [(record.t0_s, "dangerous frame")]
    return dataclasses.replace(record, events=events, tracks=TRACKS, limit_high=3.5, limit_low=-3.5, shutdown=False)


def lanes(svg):
    """(from, to) in ms of every bar, lane by lane, and whether it is filled."""
    to_ms, found = axis(svg, "x"), {}
    for bar in elements(svg, "rect", "lane"):
        first = float(bar.get("x"))
        ends = to_ms(np.array([first, first + float(bar.get("width"))]))
        found.setdefault(float(bar.get("y")), []).append((*ends, float(bar.get("fill-opacity", "1")) > 0.5))
    return [found[y] for y in sorted(found)]


def test_each_track_is_a_lane_on_the_currents_axis(record):
    svg = figure_svg(sequence(record), "shutdown")
    names = [e.text for e in elements(svg, "text", "label")]
    assert [name for name in names if name in TRACKS] == list(TRACKS)
    bars = lanes(svg)
    assert [[on for *_, on in lane] for lane in bars] == [[True, False]] * 3
    assert [lane[1][0] for lane in bars] == pytest.approx([1.0, 21.0, 40.0], abs=0.1)
    assert all(lane[0][1] == pytest.approx(lane[1][0], abs=0.1) for lane in bars)


def test_a_lane_says_what_was_and_from_when(record):
    texts = [e.text for e in elements(figure_svg(sequence(record), "shutdown"), "text", "lane-text")]
    assert "stop, 1.0 ms" in texts
    assert "open, 21.0 ms" in texts
    assert "open, 40.0 ms" in texts


def test_what_comes_seconds_later_does_not_stretch_the_axis(record):
    """The contactors that close again after two seconds are told in words; the picture stays on the shutdown."""
    assert max(end for lane in lanes(figure_svg(sequence(record), "shutdown")) for _, end, _ in lane) < 100.0


def test_a_current_without_tracks_has_no_lanes(record):
    assert not elements(figure_svg(record, "shutdown"), "rect", "lane")
