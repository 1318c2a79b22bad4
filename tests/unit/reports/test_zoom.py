"""The zoomable waveforms, in a real browser: what is drawn is compared with the samples, not with a picture's being there."""

import dataclasses
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from v2g_bench.reports.model.record import Record, load_record
from v2g_bench.reports.render import samples
from v2g_bench.reports.render.html import render_html
from v2g_bench.reports.render.samples import embed, pack
from v2g_bench.reports.render.view import view

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium: apt-get install chromium")

N, DT_S, GLITCH = 1_000_000, 1e-6, 654_321

# Waits for the page, does the steps, and writes what was found into an element of its own.
PROBE = """
<script>addEventListener("load", () => {
  const found = {};
  try {
    const figure = document.querySelector("figure[data-samples]");
    const press = (key) => new KeyboardEvent("keydown", { key, bubbles: true });
    const key = (name) => figure.querySelector(".samples").dispatchEvent(press(name));
    document.querySelectorAll("details").forEach((each) => { each.open = true; });
    const seen = () => { const u = figure.sampleView.plot; return {
      x: u.data[0], y: u.data[1], window: figure.sampleView.window, scale: [u.scales.x.min, u.scales.x.max],
      told: figure.querySelector(".samples-told").textContent, size: u.data[0].length }; };
    STEPS
  } catch (error) { found.error = String(error.stack || error); }
  const out = document.createElement("pre"); out.id = "found"; out.textContent = JSON.stringify(found);
  document.body.append(out);
});</script>
"""


def browse(page, tmp_path, steps):
    """What the steps leave in `found`, run in the page; its content security policy would forbid the probe's script."""
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.decode())
    html = html.replace("</body>", PROBE.replace("STEPS", steps) + "</body>")
    dom = dumped(html, tmp_path)
    found = json.loads(
        re.search(r'<pre id="found">(.*?)</pre>', dom, re.S)
        .group(1)
        .replace("&amp;", "&")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
    )
    assert "error" not in found, found["error"]
    return found


def dumped(html, tmp_path):
    """The page's DOM after its scripts have run."""
    (tmp_path / "page.html").write_text(html)
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    command += ["--window-size=1200,900", "--virtual-time-budget=10000", "--dump-dom", f"file://{tmp_path}/page.html"]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=True).stdout


@pytest.fixture
def million(kept, tmp_path):
    """A run whose waveform has a million samples, one of them a glitch inside the envelope of the ripple."""
    run = kept.kept_run(tmp_path, (23.0,))
    t = DT_S * np.arange(N)
    wave = 8.0 + 0.5 * np.sin(2 * np.pi * 50 * t) * np.sin(2 * np.pi * 20_000 * t)
    wave[GLITCH] = 8.4
    path = tmp_path / "waveforms/0001.npz"
    with np.load(path) as file:
        marks = {key: file[key] for key in file.files}
    marks |= {"samples": wave, "start_s": np.float64(1000.8), "dt_s": np.float64(DT_S)}
    np.savez(path, **marks)
    return run, wave


@needs_browser
def test_zooming_ends_at_the_very_samples(million, tmp_path):
    run, wave = million
    page = render_html(view(run, tmp_path)[0], tmp_path)
    at = 1000.8 + GLITCH * DT_S - 1001.0  # s after t0
    steps = f"""
      figure.querySelector("button.zoom").click();
      found.all = seen();
      figure.sampleView.show({at - 20 * DT_S}, {at + 20 * DT_S});
      found.near = seen();
      key("0"); found.reset = seen().window;
      for (let i = 0; i < 12; i++) key("+");
      found.deep = seen(); key("ArrowRight"); found.moved = seen().window;
      key("Escape"); found.closed = !figure.querySelector(".samples") && figure.querySelector("svg").checkVisibility();
    """
    found = browse(page, tmp_path, steps)
    step = (wave.max() - wave.min()) / 65534
    assert 2000 < found["all"]["size"] < 20_000
    assert min(found["all"]["y"]) == pytest.approx(wave.min(), abs=step)
    assert max(found["all"]["y"]) == pytest.approx(wave.max(), abs=step)
    near = found["near"]
    assert near["size"] in (41, 42, 43)
    first = round((near["x"][0] + 0.2) / DT_S)
    assert near["x"] == pytest.approx([-0.2 + (first + i) * DT_S for i in range(near["size"])], abs=1e-9)
    assert near["y"] == pytest.approx(list(wave[first : first + near["size"]]), abs=step)
    assert near["y"][GLITCH - first] == pytest.approx(8.4, abs=step)
    assert near["scale"] == pytest.approx(near["window"], abs=1e-12), "what is drawn is the window that was asked for"
    assert f"{near['size']} samples, every one drawn" in near["told"]
    assert found["reset"] == pytest.approx([-0.2, -0.2 + (N - 1) * DT_S])
    assert found["deep"]["window"][1] - found["deep"]["window"][0] == pytest.approx((N - 1) * DT_S / 4096, rel=1e-6)
    span = found["deep"]["window"][1] - found["deep"]["window"][0]
    assert found["moved"][0] - found["deep"]["window"][0] == pytest.approx(span / 5, rel=1e-6)
    assert found["closed"]


@needs_browser
def test_a_gap_stays_a_gap_and_the_page_works_under_its_own_policy(kept, tmp_path):
    run = kept.kept_run(tmp_path)
    path = tmp_path / "waveforms/0001.npz"
    with np.load(path) as file:
        marks = {key: file[key] for key in file.files}
    marks["samples"][100:110] = np.nan
    np.savez(path, **marks)
    page = render_html(view(run, tmp_path)[0], tmp_path)
    dom = dumped(page.decode(), tmp_path)
    assert dom.count('<button type="button" class="zoom"') == 2
    steps = """
      const other = document.querySelector('figure[data-samples="waveforms/0001.npz"]');
      other.querySelector("button").click();
      const view = other.sampleView; view.show(view.wave.start + 90 * view.wave.dt, view.wave.start + 120 * view.wave.dt);
      found.y = view.plot.data[1]; found.details = document.querySelectorAll("table").length;
    """
    found = browse(page, tmp_path, steps)
    assert [place for place, value in enumerate(found["y"]) if value is None] == list(range(10, 20))
    assert found["details"] > 3


@needs_browser
def test_in_print_the_picture_stands_where_the_samples_were(kept, tmp_path, pdf_text):
    run = kept.kept_run(tmp_path, (23.0,))
    html = render_html(view(run, tmp_path)[0], tmp_path).decode()
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    opened = '<script>addEventListener("load", () => document.querySelector("button.zoom").click());</script></body>'
    (tmp_path / "page.html").write_text(html.replace("</body>", opened))
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    command += [f"--print-to-pdf={tmp_path}/page.pdf", "--virtual-time-budget=5000", f"file://{tmp_path}/page.html"]
    subprocess.run(command, capture_output=True, timeout=100, check=True)
    text = "\n".join(pdf_text((tmp_path / "page.pdf").read_bytes()))
    assert "limit 50 ms" in text, "the SVG's own words"
    assert "Back to the picture" not in text
    assert "Drag or press" not in text


def test_packed_samples_are_the_samples():
    values = np.array([1.0, -3.5, np.nan, 7.25, 0.1])
    packed = pack(Record(values, start_s=5.0, dt_s=0.5, unit="A"))
    codes = np.frombuffer(__import__("base64").b64decode(packed["samples"]), "<i2")
    back = np.where(codes == samples.GAP, np.nan, packed["low"] + (codes.astype(float) + 32767) * packed["step"])
    assert back == pytest.approx(values, abs=packed["step"] / 2 * 1.001, nan_ok=True)
    flat = pack(Record(np.full(4, 2.0), start_s=0.0, dt_s=1.0, unit="A"))
    assert flat["low"] == 2.0


def test_what_does_not_fit_stays_in_its_file_and_the_page_says_so(kept, tmp_path, monkeypatch):
    run = kept.kept_run(tmp_path, (23.0, 24.0, 25.0))
    shown = view(run, tmp_path)[0]
    one = len(json.dumps(pack(load_record(tmp_path, "waveforms/0001.npz")), separators=(",", ":")))
    monkeypatch.setattr(samples, "HARD_BYTES", int(2.5 * one))
    packed, size = embed(shown, tmp_path)
    assert list(packed) == ["waveforms/0003.npz", "waveforms/0001.npz"], "the deciding trial first"
    assert size <= samples.HARD_BYTES
    page = render_html(shown, tmp_path).decode()
    assert "its samples are in waveforms/0002.npz" in page
    assert page.count("<template data-waveform=") == 2


def test_a_large_page_says_how_large(kept, tmp_path, monkeypatch):
    run = kept.kept_run(tmp_path, (23.0,))
    monkeypatch.setattr("v2g_bench.reports.render.html.WARN_BYTES", 1000)
    assert "MB of samples" in render_html(view(run, tmp_path)[0], tmp_path).decode()


def test_the_script_of_others_comes_with_its_licence_and_no_text_escapes(kept, tmp_path):
    run = kept.kept_run(tmp_path, (23.0,))
    path = tmp_path / "waveforms/0001.npz"
    with np.load(path) as file:
        marks = {key: file[key] for key in file.files}
    np.savez(path, **marks, quantity='</template><script>alert("x")</script>')
    page = render_html(view(dataclasses.replace(run, title="x"), tmp_path)[0], tmp_path).decode()
    assert "Copyright (c) 2022 Leon Sorokin" in page
    assert "<script>alert" not in page
    assert page.count("<script>") == 1
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]{44}'", page)
