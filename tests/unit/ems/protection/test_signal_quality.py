import random

import pytest

from v2g_bench.ems.model.actions import Quality
from v2g_bench.ems.protection.signal_quality import SignalQuality


class _Line:
    """Two cyclic messages on a 1 ms grid."""

    def __init__(self, **kwargs: float) -> None:
        self.signal = SignalQuality({"Fast": 0.01, "Slow": 0.1}, **kwargs)
        self.now_ms = 0

    def run(self, seconds: float, lose: object = None, bad: object = None, silent: bool = False) -> None:
        for _ in range(round(seconds * 1000)):
            self.now_ms += 1
            if silent:
                continue
            for name, cycle_ms in (("Fast", 10), ("Slow", 100)):
                if self.now_ms % cycle_ms == 0 and not (callable(lose) and lose(name)):
                    quality = Quality.BAD if callable(bad) and bad(name) else Quality.GOOD
                    self.signal.on_frame(name, quality, self.now_ms / 1000)


def _share(pct: float, seed: int = 1) -> object:
    rng = random.Random(seed)
    return lambda name: rng.random() * 100 < pct


def test_clean_line_is_good() -> None:
    line = _Line()
    line.run(30)
    assert line.signal.noisy is None
    assert line.signal.worst()[0] == 0


@pytest.mark.parametrize("kind", ["lose", "bad"])
def test_loss_and_corruption_are_noise(kind: str) -> None:
    line = _Line()
    line.run(2)
    line.run(2, **{kind: _share(25)})
    assert line.signal.noisy is not None
    assert "charge-only" in line.signal.noisy


def test_a_little_loss_is_tolerated() -> None:
    line = _Line()
    line.run(20, lose=_share(2))
    assert line.signal.noisy is None


def test_every_tenth_frame_is_the_limit() -> None:
    """Exactly 10 % is not more than 10 %."""
    numbers = {"Fast": 0, "Slow": 0}

    def tenth(name: str) -> bool:
        numbers[name] += 1
        return numbers[name] % 10 == 0

    line = _Line()
    line.run(20, lose=tenth)
    assert line.signal.noisy is None


def test_one_message_alone_can_be_noisy() -> None:
    line = _Line()
    line.run(2)
    line.run(3, lose=lambda name: name == "Slow")
    assert line.signal.noisy is not None
    assert "Slow" in line.signal.noisy


def test_silence_is_not_noise() -> None:
    line = _Line()
    line.run(2)
    for _ in range(3):
        line.run(10, silent=True)
        line.run(2)
    assert line.signal.noisy is None


def test_latch_holds_on_a_clean_line_until_reset() -> None:
    line = _Line()
    line.run(2)
    line.run(2, lose=_share(40))
    line.run(30)
    assert line.signal.noisy is not None
    assert line.signal.reset() is None
    assert line.signal.noisy is None
    line.run(2)
    assert line.signal.noisy is None


def test_reset_is_refused_while_noisy() -> None:
    line = _Line()
    line.run(2)
    line.run(2, lose=_share(40))
    refusal = line.signal.reset()
    assert refusal is not None
    assert "Fast" in refusal
    assert line.signal.noisy is not None
    line.run(1.1)
    assert line.signal.reset() is None


def test_repeated_frames_are_neither_news_nor_noise() -> None:
    line = _Line()
    line.run(2)
    for _ in range(100):
        line.now_ms += 10
        line.signal.on_frame("Fast", Quality.GOOD, line.now_ms / 1000)
        line.signal.on_frame("Fast", Quality.REPEATED, line.now_ms / 1000)
        if line.now_ms % 100 == 0:
            line.signal.on_frame("Slow", Quality.GOOD, line.now_ms / 1000)
    assert line.signal.noisy is None


def test_unknown_messages_are_not_expected() -> None:
    line = _Line()
    line.signal.on_frame("Other", Quality.BAD, 0.0)
    assert line.signal.worst()[0] == 0


def test_no_messages_no_loss() -> None:
    assert SignalQuality({}).worst() == (0.0, "")
