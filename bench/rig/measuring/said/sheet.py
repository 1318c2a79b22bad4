"""What came of comparing: how often each statement was held against what was seen, and each contradiction with both sides."""

from collections import Counter
from dataclasses import dataclass, field

POWER = "power in its frames"
MODE = "mode in its frames"
TRIP = "trip in its frames"
TRIP_LOG = "trip in its log"
CHARGE_ONLY = "charge-only in its frames"
CODES = "codes in its log"
ERROR_CODE = "code in its frames"
STATUS = "status command"
ACCEPTED = "accepted power"
REFUSED = "refused power"
OVERRIDES = "record of overrides"
SUBJECTS = (POWER, MODE, TRIP, TRIP_LOG, CHARGE_ONLY, CODES, ERROR_CODE, STATUS, ACCEPTED, REFUSED, OVERRIDES)


@dataclass(frozen=True)
class Contradiction:
    """Both sides of one. at_s: bench clock; undecided: it may be a part of the rig that does not follow the controller."""

    subject: str
    said: str
    seen: str
    at_s: float
    undecided: bool = False

    def __str__(self) -> str:
        return f"{self.subject}: it says {self.said}; seen: {self.seen}"


@dataclass
class Sheet:
    """Filled by the rules. lacking: what was not compared, and why; unsaid: what the controller does not report at all."""

    compared: Counter[str] = field(default_factory=Counter)
    found: list[Contradiction] = field(default_factory=list)
    lacking: dict[str, str] = field(default_factory=dict)
    unsaid: dict[str, str] = field(default_factory=dict)

    def hold(self, subject: str, fits: bool, said: str, seen: str, at_s: float, *, undecided: bool = False) -> None:
        """One comparison; a contradiction where it does not fit."""
        self.compared[subject] += 1
        if not fits:
            self.found.append(Contradiction(subject, said, seen, at_s, undecided))

    def lacks(self, subject: str, why: str) -> None:
        """This cannot be compared here: the rig file does not state how it is said."""
        self.lacking[subject] = why

    def leaves_out(self, subject: str, why: str) -> None:
        """The controller says nothing of this, so nothing can contradict it."""
        self.unsaid[subject] = why
