import re
from pathlib import Path

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.instruments import DRIVERS, open_meter
from v2g_bench.instruments.emulated import EMULATED, emulate
from v2g_bench.instruments.emulated.meter import EmulatedMeter
from v2g_bench.instruments.emulated.scpi import Number
from v2g_bench.instruments.registry import driver, emulated


def test_the_files_of_the_folders_have_registered_themselves():
    assert {"keysight-34465a", "yokogawa-wt300e", "fluke-8846a"} <= set(EMULATED) <= set(DRIVERS)


def test_the_page_about_new_instruments_lists_them_all():
    page = (Path(__file__).resolve().parents[3] / "bench" / "instruments" / "README.md").read_text()
    listed = re.findall(r"^\| `([a-z0-9-]+)` \| \w+ ", page, re.MULTILINE)
    assert sorted(listed) == sorted(DRIVERS)


def test_a_new_instrument_is_a_class_with_a_decorator(monkeypatch, direct_session, rig, clock):
    """What a new file holds, for both sides, and nothing else anywhere."""
    monkeypatch.setattr("v2g_bench.instruments.registry.DRIVERS", dict(DRIVERS))
    monkeypatch.setattr("v2g_bench.instruments.registry.EMULATED", dict(EMULATED))

    @driver("acme-1")
    class Acme:
        def __init__(self, session, factor=1.0):
            self._session, self._factor = session, factor
            session.identify("^ACME,1")

        def volts(self):
            return self._factor * self._session.query_float("VOLT?")

    @emulated("acme-1")
    class EmulatedAcme(EmulatedMeter):
        identity = "ACME,1,1,1"
        volts = Number("VOLTage", 0, 10, 2.5, "V")

    meter = emulate("acme-1", probe=rig, clock=clock)
    monkeypatch.setattr("v2g_bench.instruments.registry.ScpiSession", lambda *_, **__: direct_session(meter))
    assert open_meter("acme-1", "X", factor=2.0).volts() == 5.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: open_meter("keysight-34456a", "X", where="rig.toml: meters.dc"),
            ["rig.toml: meters.dc", "keysight-34465a"],
        ),
        (lambda: open_meter("tektronix", "X"), ["tektronix", "fluke-8846a"]),
        (lambda: open_meter("fluke-8846a", "X", ratio=2), ["'ratio'", "current_ratio"]),
        (lambda: open_meter("keysight-34465a", "X"), ["'shunt_ohm' is missing"]),
        (lambda: emulate("fluke-8846b"), ["fluke-8846a"]),
        (lambda: emulate("fluke-8846a", probe=None), ["'clock' is missing"]),
    ],
)
def test_a_wrong_name_or_option_is_named_with_the_right_ones(call, words):
    with pytest.raises(BenchError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
