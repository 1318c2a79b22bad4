import dataclasses
import re
from html.parser import HTMLParser

from v2g_bench.reports.render.html import render_html
from v2g_bench.reports.render.view import view

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Reader(HTMLParser):
    """Tags, attributes and text; every tag must be closed by its own end tag."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text, self.scripts = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.scripts if self.open and self.open[-1] in ("script", "style") else self.text).append(data)


def page(run, folder):
    content = render_html(view(run, folder)[0])
    reader = Reader()
    reader.feed(content.decode())
    assert reader.open == []
    return content, reader


def test_text_of_the_run_stays_text(run, tmp_path, sample):
    content, reader = page(
        dataclasses.replace(run, title=sample.HOSTILE, rig='a"><img src=x onerror=alert(1)>'), tmp_path
    )
    seen = "".join(reader.text)
    assert seen.count('<script>alert("x")</script>') >= 3
    assert [tag for tag, _ in reader.tags].count("script") == 1
    assert not [tag for tag, _ in reader.tags if tag == "img"]
    assert not [attrs for _, attrs in reader.tags if any(name.startswith("on") for name in attrs)]
    assert b"\x07" not in content
    assert "<U+0007>" in seen


def test_nothing_comes_from_a_network(run, tmp_path):
    content, reader = page(run, tmp_path)
    for tag, attrs in reader.tags:
        assert not attrs.get("src"), tag
        assert attrs.get("href", "#").startswith("#")
    assert "url(" not in "".join(reader.scripts)
    assert "@import" not in "".join(reader.scripts)
    policy = next(attrs["content"] for tag, attrs in reader.tags if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]{44}'", policy)
    assert set(re.findall(rb"https?://[^\"'\s<]+", content)) == {b"http://www.w3.org/2000/svg"}


def test_all_is_there(run, tmp_path):
    _, reader = page(run, tmp_path)
    seen = " ".join("".join(reader.text).split())
    for words in (
        "EMULATED - no hardware was measured", "NOT CERTIFIED", "emulated: no hardware was measured", "SAF-01",
        "userland bus in place of SocketCAN vcan0", "23.40 ms ± 0.30 ms, k = 2", "void: the host stalled for 14 ms",
        "own-frame echo, kernel stamp", "guarded acceptance", "U = 0.28 ms", "Keysight 34465A", "48.96 ms ± 0.30 ms",
        "300 mV", "bidirectional", "CLOCK_MONOTONIC", 'interface = "v2g"', "does not claim ocpp", "End of report",
    ):  # fmt: skip
        assert words in seen, words
    pictured = [
        t.waveform for r in run.requirements for x in r.tests for m in x.measurements for t in m.trials if t.waveform
    ]
    assert len([tag for tag, _ in reader.tags if tag == "svg"]) == len(pictured) > 10
    ids = [attrs["id"] for _, attrs in reader.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"][1:] for tag, attrs in reader.tags if tag == "a"} <= set(ids)


def test_the_mark_is_on_every_printed_page(run, tmp_path):
    content, _ = page(run, tmp_path)
    rule = re.search(r'@top-left \{ content: "([^"]*)"', content.decode()).group(1)
    plain = re.sub(r"\\([0-9a-f]{6}) ", lambda m: chr(int(m.group(1), 16)), rule)
    assert plain == "EMULATED - no hardware was measured  ·  NOT CERTIFIED"


def test_an_incomplete_run_says_so_and_never_pass(run, tmp_path):
    passed = [r for r in run.requirements if r.verdict == "PASS"]
    cut = dataclasses.replace(run, requirements=passed, complete=False, incomplete_reason="power cut", exit_status=0)
    _, reader = page(cut, tmp_path)
    seen = " ".join("".join(reader.text).split())
    assert "INCONCLUSIVE · INCOMPLETE RUN" in seen
    assert "The run is incomplete: power cut." in seen


def test_the_same_run_gives_the_same_bytes(run, tmp_path):
    assert page(run, tmp_path)[0] == page(run, tmp_path)[0]
