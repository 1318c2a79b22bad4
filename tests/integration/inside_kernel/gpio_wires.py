"""The sync line's wires on pins of a kernel: `gpio-sim` is a chip whose pins can be read back from outside.

Run by test_sync_wires.py in the time-travel kernel, which has gpio-sim built in.
"""

import subprocess
from pathlib import Path

import pytest

from v2g_bench.clock import RealClock
from v2g_bench.errors import BenchError
from v2g_bench.qualification.responder_line import Line
from v2g_bench.rig.file.model import Sync
from v2g_bench.rig.parts.output import open_output
from v2g_bench.rig.parts.sync import WiredSync

CONFIGFS = Path("/sys/kernel/config")
TRIGGER, MARK = 3, 5


class Chip:
    """A GPIO chip of eight pins."""

    def __init__(self, place):
        self._place = place
        (place / "bank0").mkdir(parents=True)
        (place / "bank0" / "num_lines").write_text("8")
        (place / "live").write_text("1")
        self.name = (place / "bank0" / "chip_name").read_text().strip()
        self._pins = Path("/sys/devices/platform", (place / "dev_name").read_text().strip(), self.name)

    def levels(self):
        """Trigger and mark, as a wire at the pin would have them."""
        return tuple(int((self._pins / f"sim_gpio{pin}" / "value").read_text()) for pin in (TRIGGER, MARK))

    def sync(self, **more):
        return Sync(**{"kind": "gpio", "device": f"/dev/{self.name}", "trigger": TRIGGER, "mark": MARK} | more)

    def remove(self):
        (self._place / "live").write_text("0")
        (self._place / "bank0").rmdir()
        self._place.rmdir()


@pytest.fixture
def chip():
    if not (CONFIGFS / "gpio-sim").exists():
        subprocess.run(["mount", "-t", "configfs", "configfs", str(CONFIGFS)], check=True)
    chip = Chip(CONFIGFS / "gpio-sim" / "bench")
    yield chip
    chip.remove()


def test_both_wires_rise_and_fall(chip):
    with open_output(chip.sync()) as wires:
        assert chip.levels() == (0, 0)
        wires.set(trigger=True, mark=True)
        assert chip.levels() == (1, 1)
        wires.set(mark=False)
        assert chip.levels() == (1, 0)
    assert chip.levels() == (0, 0)


def test_inverted_wires_rest_high(chip):
    with open_output(chip.sync(inverted=True)) as wires:
        wires.set(trigger=False, mark=False)
        assert chip.levels() == (1, 1)
        wires.set(trigger=True)
        assert chip.levels() == (0, 1)


def test_a_pulse_is_up_for_its_time_and_its_edge_is_known(chip):
    seen = []
    with open_output(chip.sync()) as wires:
        sync = WiredSync(wires, RealClock(), lambda _: seen.append(chip.levels()), marks=True)
        sync.pulse()
        edge = sync.pulse(seen=True)
        assert chip.levels() == (0, 0)
    assert seen == [(1, 0), (1, 1)]
    assert 0.0 <= edge.half_width_s < 0.001


def test_the_responder_drops_the_mark_while_the_bench_has_the_trigger(chip):
    with open_output(chip.sync(mark=None)) as wires:
        line = Line("gpio", f"/dev/{chip.name}", MARK, False)
        line.start()
        wires.set(trigger=True)
        assert chip.levels() == (1, 1)
        before_s, after_s = line.stop()
        assert chip.levels() == (1, 0)
        assert before_s <= after_s < before_s + 0.001
        line.close()


def test_a_pin_that_somebody_holds_is_said(chip):
    with open_output(chip.sync()), pytest.raises(BenchError, match="busy") as reported:
        open_output(chip.sync())
    assert "gpioinfo" in reported.value.hint


def test_a_pin_that_is_not_there_is_said(chip):
    with pytest.raises(BenchError, match=f"sync.device: /dev/{chip.name}"):
        open_output(chip.sync(trigger=99))
