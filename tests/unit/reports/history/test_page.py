"""The page of the history: everything of the index in it, in one file, without a script."""

import dataclasses
import html
import re
from xml.etree import ElementTree as ET

import pytest

from v2g_bench.commands.main import main
from v2g_bench.reports.history.index import History, Point
from v2g_bench.reports.history.page import render_history
from v2g_bench.reports.history.trend_plot import spark_svg, trend_svg
from v2g_bench.reports.model.run import Controller, dump


def page_of(folder):
    with History(folder) as history:
        history.refresh()
        return render_history(history, history.rigs(), 30).decode()


@pytest.fixture
def page(nights, tmp_path):
    nights.write_nights(tmp_path)
    return page_of(tmp_path)


def text_of(page):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_the_page_is_one_file_without_script_or_network(page):
    assert "<script" not in page
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", page)
    assert "default-src 'none'" in page


def test_trend_limit_margin_and_alarm_of_each_measurement(page):
    text = text_of(page)
    assert "40 runs, the last 2026-02-12T01:00:00+00:00: PASS with ems 1.1" in text
    assert "43.50 ms ± 0.30 ms" in text
    assert "≤\u00a050" in html.unescape(page)
    assert "drifts: its margin of 6.201 ms is gone in" in text
    assert "flips: 2 changes between PASS and FAIL at the same controller version" in text
    assert page.count('class="alarm"') == 2, "the sick night is no alarm of the controller's"


def test_every_night_has_its_mark(page, nights):
    marks = re.findall(r'<i class="([^"]*)"', page)
    assert len(marks) == nights.NIGHTS
    assert [n for n, mark in enumerate(marks) if mark == "fail"] == list(nights.FLIPPED)
    assert [n for n, mark in enumerate(marks) if mark == "inconclusive"] == [nights.SICK]
    assert [n for n, mark in enumerate(marks) if "new" in mark] == [nights.NEW_VERSION]


def test_the_picture_draws_every_value_where_it_is(nights):
    points = [Point(f"r{n}", "2026-01-01", "ems 1.0", True, "PASS", 10.0 * n, 0.5, None, 50.0, "") for n in range(5)]
    points[2] = points[2]._replace(value=None, verdict="ERROR")
    points[4] = points[4]._replace(verdict="FAIL")
    root = ET.fromstring(trend_svg(points, "ms"))
    names = {element.get("class"): element for element in root}
    line = names["wave"].get("d")
    assert line.count("M") == 2, "the night without a value is a gap"
    places = [tuple(map(float, pair)) for pair in re.findall(r"[ML]([\d.]+) ([\d.]+)", line)]
    assert len(places) == 4
    limit = float(re.search(r"M[\d.]+ ([\d.]+)H", [e.get("d") for e in root if e.get("class") == "bad"][0]).group(1))
    zero, ten, thirty, forty = (y for _, y in places)
    per_ms = (zero - ten) / 10.0
    assert (zero - thirty, zero - forty) == pytest.approx((30 * per_ms, 40 * per_ms), abs=0.4)
    assert zero - limit == pytest.approx(50 * per_ms, abs=0.4)
    dot = next(element for element in root if element.tag.endswith("circle"))
    assert (float(dot.get("cx")), float(dot.get("cy"))) == places[-1]
    assert sum(e.get("class") == "mark" and "v-9" in e.get("d", "") for e in root) == 1
    assert spark_svg(points).count("<circle") == 1
    assert trend_svg([point._replace(value=None) for point in points], "ms") == ""


def test_hostile_names_stay_text(nights, tmp_path):
    run = nights.night(0)
    bad = "<script>alert(1)</script>"
    run = dataclasses.replace(run, rig=bad, controller=Controller(name=bad))
    (tmp_path / "r").mkdir()
    dump(run, tmp_path / "r/results.json")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/results.json").write_text("{")
    page = page_of(tmp_path)
    assert "<script" not in page
    assert "Run folders that cannot be read" in page


def test_the_index_is_rebuilt_and_gives_the_same_page(nights, tmp_path, capsys):
    nights.write_nights(tmp_path / "runs", 0, 12)
    asked = ["history", "--reports", str(tmp_path / "runs")]
    main([*asked, "--page", str(tmp_path / "a.html")])
    (tmp_path / "runs/.history.sqlite").write_bytes(b"no database")
    assert main(asked) == 2
    assert "delete it; it is rebuilt" in capsys.readouterr().err
    main([*asked, "--rebuild", "--page", str(tmp_path / "b.html")])
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
