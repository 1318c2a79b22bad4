"""Error confinement of one controller: its two counters and what they make of it. ISO 11898-1:2015, 12.1.4.

    active --(a counter above 127)--> passive --(both at most 127)--> active
    active, passive --(transmit counter above 255)--> bus off --(128 times 11 recessive bits)--> active, counters 0

An error-active node destroys a frame that it finds wrong for all; a passive one cannot, and waits 8 bits longer after its
own frames; a node that is off takes no part.
"""

from typing import Literal

State = Literal["active", "passive", "off"]

WARNING, PASSIVE, OFF = 96, 128, 256
RECOVERY_SEQUENCES, RECOVERY_BITS = 128, 11


class Confinement:
    """tec, rec: transmit and receive error counter. sequences_left: of 11 recessive bits, while it is off."""

    __slots__ = ("rec", "restarts", "sequences_left", "state", "tec")

    def __init__(self) -> None:
        self.tec, self.rec, self.restarts, self.sequences_left = 0, 0, 0, 0
        self.state: State = "active"

    @property
    def quiet(self) -> bool:
        """Neither counter has anything to come down from."""
        return self.tec == 0 and self.rec == 0

    def transmitted(self) -> None:
        """An own frame has reached its end."""
        self.tec -= self.tec > 0
        self._judge()

    def received(self) -> None:
        """A frame of another node has been received without error."""
        self.rec = min(self.rec - 1, PASSIVE - 1) if self.rec > 0 else 0
        self._judge()

    def transmit_error(self) -> None:
        """As the transmitter it has sent an error flag, or found eight further dominant bits after one."""
        self.tec += 8
        self._judge()

    def receive_error(self, *, heavy: bool = False) -> None:
        """As a receiver it has found an error; heavy: a dominant bit right after its own flag, or inside it."""
        self.rec = min(self.rec + (8 if heavy else 1), 255)
        self._judge()

    def on_recessive(self, sequences: int) -> bool:
        """So many times 11 recessive bits have passed while it was off; True if it takes part again now."""
        if self.state != "off":
            return False
        self.sequences_left -= sequences
        if self.sequences_left > 0:
            return False
        self.tec, self.rec, self.state, self.sequences_left = 0, 0, "active", 0
        self.restarts += 1
        return True

    def reset(self) -> None:
        """As after power-on."""
        self.tec, self.rec, self.state, self.sequences_left = 0, 0, "active", 0

    def _judge(self) -> None:
        if self.tec >= OFF:
            if self.state != "off":
                self.state, self.sequences_left = "off", RECOVERY_SEQUENCES
        elif self.state != "off":
            self.state = "passive" if self.tec >= PASSIVE or self.rec >= PASSIVE else "active"
