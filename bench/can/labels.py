"""What the words of a database's value table mean: which counts have no value, and what the others stand for.

A count is worth what its label says, not what number it is: one maker counts 0 SNA, 1 CLOSED, 2 OPEN, another 0 open,
2 closed. Words that nobody can know are told apart in the role table:

    contactor_state = { signal = "BMS.Hv", labels = { HV_UP = "closed", HV_DOWN = "open" } }

>>> meanings("contactor_state", {0: "SNA", 1: "CLOSED", 2: "OPEN"}, {}, bits=4)
{1: 2.0, 2: 0.0}
>>> no_value("Signal not available"), no_value("no error")
(True, False)
"""

import re
from collections.abc import Mapping

_NO_VALUE = re.compile(
    r"(sna|na|n/a|snv|error|invalid|init|initial(is|iz)(ing|ation|ed)|reserved|unknown|undefined|default|unused|undetermined|"
    r"not (available|valid|used|defined|supported|known|initiali[sz]ed)|notavailable|unavailable|no (value|data|signal)|"
    r"(signal|sensor|data|value|measurement)( is)? (not available|not valid|invalid|error|fault|defect|unavailable|unknown)|"
    r"(initial|error|invalid|default|reserved) (value|indicator|state|range)|"
    r"(sensor|signal|measurement|reading) (error|fault|failure|defect)|reserved .*|sna .*|error indicator|fault value|"
    r"(sensor )?(defect|defective|failed|faulty))"
)
_MOVING, _WELDED = 1.0, 3.0
_SET = "set", 1.0
_CLEAR = "clear", 0.0
_ANY_SET = (
    r"(on|yes|true|set|active|activated|present|detected|enabled?|requested|request|latched|tripped|asserted|exceeded|"
    r"occurred|over ?current|(cell )?imbalanced?|unbalanced|fault|alarm|warning|charge only|cool(ing)?|run(ning)?)"
)
_ANY_CLEAR = (
    r"(off|no|none|false|clear(ed)?|inactive|deactivated|ok|okay|normal|good|disabled?|idle|balanced|bidirectional|released|"
    r"healthy|unlatched|(no|not|without) .*)"
)
_CONTACT = (
    ("closed", 2.0, r"((main )?contactors? )?(closed?|on|connected|engaged)( .*)?"),
    ("welded", _WELDED, r"(.* )?(welded|stuck|sticking|weld)( .*)?"),
    ("moving", _MOVING, r"(.* )?(pre ?charg(e|ing|ed)|closing|opening|transition|moving)( .*)?"),
    ("open", 0.0, r"((main )?contactors? )?(open(ed)?|off|disconnected|not closed)( .*)?"),
)
_REQUEST = (
    ("close", 1.0, r"(closed?|on|connect(ed)?|enabled?|requested|request|yes|true|active)( .*)?"),
    (
        "open",
        0.0,
        r"(open(ed)?|off|disconnect(ed)?|disabled?|no|none|false|inactive|no request|not requested|idle)( .*)?",
    ),
)
_FLAG = ((*_CLEAR, _ANY_CLEAR), (*_SET, _ANY_SET))
_MODE = (
    ("charge only", 3.0, r"charg(e|ing) only"),
    ("charge", 1.0, r"charg(e|ing)"),
    ("v2g", 2.0, r"(v2g|v2x|discharg(e|ing)|grid support|export|bidirectional)"),
    ("tripped", 4.0, r"(trip|tripped|emergency.*|shut ?down|isolated)"),
    ("standby", 0.0, r"(stand ?by|idle|off|ready|none)"),
)
# Name, canonical number and words of each meaning; the first that fits counts. The numbers are those of `roles.ROLES`.
WORDED: Mapping[str, tuple[tuple[str, float, str], ...]] = {
    "contactor_state": _CONTACT,
    "contactor_request": _REQUEST,
    "operating_mode": _MODE,
    **dict.fromkeys(("over_current", "cell_imbalance", "cooling_request", "trip_latched", "charge_only"), _FLAG),
}
# Without these a role says nothing.
_NEEDED = {"contactor_state": ("closed", "open"), "contactor_request": ("close", "open"), "operating_mode": ()}


class Contradiction(Exception):
    """A value table that does not fit the role; the text says how, `hint` how to mend it."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


def no_value(label: str) -> bool:
    """Whether a label says that the sender has no value."""
    return _NO_VALUE.fullmatch(_plain(label)) is not None


def names(role: str) -> tuple[str, ...]:
    """The names of what a role can mean."""
    return tuple(name for name, *_ in WORDED[role])


def meanings(role: str, choices: Mapping[int, str], stated: Mapping[str, str], bits: int) -> dict[int, float]:
    """Count -> canonical number for a role in words (`WORDED`); empty where the table has words for "no value" alone.

    choices: count -> label; stated: label -> name of its meaning, from the role table; bits: of the signal. Labels of which
    nobody knows what they mean have no value. Contradiction where a needed meaning is missing then.
    """
    if unknown := sorted(set(stated) - set(choices.values())):
        raise Contradiction(f"the value table has no label {unknown[0]!r}", f"it has {_quoted(choices)}")
    known = {name: number for name, number, _ in WORDED[role]}
    if wrong := sorted(set(stated.values()) - set(known)):
        raise Contradiction(f"{wrong[0]!r} is no meaning of {role}", f"use {', '.join(known)}")
    found: dict[int, float] = {}
    silent = set()
    for count, label in choices.items():
        number = known[stated[label]] if label in stated else _meaning(role, label)
        if number is not None:
            found[count] = number
        elif no_value(label):
            silent.add(count)
    if not found and len(silent) == len(choices):
        return {}
    needed = [known[name] for name in _NEEDED.get(role, ("set", "clear"))]
    missing = [number for number in needed if number not in found.values()]
    if bits == 1 and len(missing) == 1 and len(choices) == 1:  # the other count of a single bit is the other of two
        return {**found, 1 - next(iter(found)): missing[0]}
    if missing or not found:
        lacking = ", ".join(repr(name) for name, number in known.items() if number in missing) or "a meaning"
        raise Contradiction(
            f"no label of its value table means {lacking}: {_quoted(choices)}",
            f'name another signal, or say which label is which: labels = {{ LABEL = "{next(iter(known))}" }}',
        )
    return found


def _meaning(role: str, label: str) -> float | None:
    """The canonical number of a label; None if it means nothing known, or that there is no value."""
    plain = _plain(label)
    if _NO_VALUE.fullmatch(plain):
        return None
    return next((number for _, number, words in WORDED[role] if re.fullmatch(words, plain)), None)


def _plain(label: str) -> str:
    """Lower-case words with one space between them: 'MainContactor_Closed' is 'main contactor closed'."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)
    return re.sub(r"[\s_\-.:]+", " ", split).strip().casefold()


def _quoted(choices: Mapping[int, str]) -> str:
    shown = ", ".join(f"{count} {label!r}" for count, label in sorted(choices.items())[:8])
    return shown + (", ..." if len(choices) > 8 else "")
