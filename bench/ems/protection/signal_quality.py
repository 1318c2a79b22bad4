"""How much of what the BMS should have sent arrived unharmed; too little latches the charge-only mode.

good --(more than 10 % of a message's frames missing or corrupt)--> noisy --(authorised reset, line good)--> good

Each cyclic message of the BMS is judged by its cycle time over its own sliding window: `window_s`, but at least
`_FRAMES_MIN` cycles, so that one lost frame of a slow message is never a percentage to speak of. A frame with a wrong
CRC or sequence is a frame that did not arrive. Silence is not noise: while the whole line is dead, the windows pause
still (the BMS watchdog speaks then).
"""

from collections import deque
from collections.abc import Mapping

from v2g_bench.ems.model.actions import Quality

_FRAMES_MIN = 100
_RECENT_FRAMES_MIN = 20
_JUDGE_EVERY_S = 0.02
# Frames of a healthy sender come up to one cycle late or early against the edge of the window.
_PHASE_FRAMES = 1.0


class SignalQuality:
    """Sliding loss per message, and the noise latch. `silence_s`: a gap on the line beyond this is not counted."""

    def __init__(
        self,
        cycles_s: Mapping[str, float],
        loss_limit_pct: float = 10.0,
        window_s: float = 1.0,
        silence_s: float = 0.05,
    ) -> None:
        self._limit_pct, self._window_s, self._silence_s = loss_limit_pct, window_s, silence_s
        self._messages = {
            name: _MessageWindow(cycle_s, max(window_s, _FRAMES_MIN * cycle_s)) for name, cycle_s in cycles_s.items()
        }
        self._line_s = 0.0  # time on a clock that is stopped while the line is dead
        self._received_s: float | None = None
        self._judged_s = 0.0
        self.noisy: str | None = None

    def on_frame(self, message: str, quality: Quality, now_s: float) -> None:
        """Count one frame of the BMS, of any quality."""
        if self._received_s is not None:
            self._line_s += min(max(0.0, now_s - self._received_s), self._silence_s)
        self._received_s = now_s
        window = self._messages.get(message)
        if window is not None and quality is Quality.GOOD:
            window.good(self._line_s)
        if self._line_s - self._judged_s >= _JUDGE_EVERY_S:
            self._judged_s = self._line_s
            if self.noisy is None:
                self.noisy = self._judge()

    def worst(self) -> tuple[float, str]:
        """The largest loss in percent now, and whose it is."""
        losses = [(window.loss_pct(self._line_s), name) for name, window in self._messages.items()]
        return max(losses, default=(0.0, ""))

    def _judge(self) -> str | None:
        loss_pct, name = self.worst()
        if loss_pct <= self._limit_pct:
            return None
        return f"{loss_pct:.0f} % of {name} lost or corrupt, limit {self._limit_pct:g} %; charge-only"

    def reset(self) -> str | None:
        """Authorised release, and all windows restart; the reason if it is refused because of `still_noisy`."""
        refusal = self.still_noisy()
        if refusal is None:
            self.noisy = None
            for window in self._messages.values():
                window.restart()
        return refusal

    def still_noisy(self) -> str | None:
        """Why the line is too noisy at this moment, latched or not; None if it is good.

        Only the last `window_s` counts, and the messages that are frequent enough for it.
        """
        for name, window in self._messages.items():
            loss_pct = window.recent_loss_pct(self._line_s, self._window_s)
            if loss_pct > self._limit_pct:
                return f"still {loss_pct:.0f} % of {name} lost or corrupt, limit {self._limit_pct:g} %"
        return None

    def restore(self, noisy: str) -> None:
        """Take up a latch from before a restart."""
        self.noisy = noisy


class _MessageWindow:
    """The arrivals of one message within its window; nothing is expected before the first good frame."""

    def __init__(self, cycle_s: float, window_s: float) -> None:
        self._cycle_s, self._window_s = cycle_s, window_s
        self._arrivals: deque[float] = deque()
        self._first_s: float | None = None

    def good(self, line_s: float) -> None:
        if self._first_s is None:
            self._first_s = line_s
        self._arrivals.append(line_s)

    def loss_pct(self, line_s: float) -> float:
        """Missing frames in percent of a full window, so that the first cycles after a start do not count as noise."""
        if self._first_s is None:
            return 0.0
        while self._arrivals and self._arrivals[0] <= line_s - self._window_s:
            self._arrivals.popleft()
        return self._loss_pct(line_s, self._window_s, len(self._arrivals))

    def recent_loss_pct(self, line_s: float, window_s: float) -> float:
        """The same over a shorter window; 0 for a message that has too few frames in it to judge."""
        if self._first_s is None or window_s / self._cycle_s < _RECENT_FRAMES_MIN:
            return 0.0
        return self._loss_pct(line_s, window_s, sum(at > line_s - window_s for at in self._arrivals))

    def restart(self) -> None:
        """Restart, as before the first frame."""
        self._first_s = None
        self._arrivals.clear()

    def _loss_pct(self, line_s: float, window_s: float, arrived: int) -> float:
        assert self._first_s is not None
        missing = min(window_s, line_s - self._first_s) / self._cycle_s - arrived - _PHASE_FRAMES
        return max(0.0, missing) * self._cycle_s / window_s * 100.0
