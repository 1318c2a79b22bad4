"""An IEEE 488.2 instrument without a wire: program messages go in, response messages come out.

An instrument is a subclass with settings and commands; time comes in as an argument, and nothing here waits: a command
that cannot be answered yet returns a `Later`, and the server (rawsocket, hislip) comes back when it is due.

    receive a message --execute--> Run --advance(now_s)--> True: run.response is set (or None, if nothing was asked)
                                        `--> False: come back at run.due_s, or abandon the run (device clear)

>>> class Lamp(Instrument):
...     identity = "V2G,LAMP,1,1.0"
...     level = Number("LAMP:LEVel", low=0, high=1, default=0)
...     @command("LAMP:BLINk?")
...     def blink(self, call):
...         return Later(ready=lambda now_s: now_s >= call.now_s + 1, then=lambda now_s: "done")
>>> lamp = Lamp()
>>> run = lamp.execute("LAMP:LEV 0.5;LEV?;:LAMP:BLIN?")
>>> run.advance(0.0), run.advance(1.0), run.response
(False, True, b'+5.00000000E-01;done\\n')
"""

import math
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

from v2g_bench.instruments.emulated.calls import Answer, Call, Exchange, Later, command
from v2g_bench.instruments.emulated.settings import Choice, Integer, Number, Setting, Switch
from v2g_bench.instruments.emulated.status import OPERATION_COMPLETE, POWER_ON, Status
from v2g_bench.instruments.emulated.syntax import ScpiError, split_message, split_unit
from v2g_bench.instruments.emulated.tree import CommandTree, Found, Node

__all__ = ["Answer", "Call", "Choice", "Exchange", "Instrument", "Integer", "Later", "Number", "Switch", "command"]


Target: TypeAlias = Callable[["Instrument", Call], Answer]


class Instrument:
    """What all instruments understand; subclasses add settings, commands and what they measure."""

    identity: str = "V2G,NONE,0,0"
    error_queue_length: ClassVar[int] = 20
    _tree: ClassVar[CommandTree[Target]]

    def __init__(self) -> None:
        self.status = Status(self.error_queue_length)
        self.status.event_status = POWER_ON
        self.values: dict[str, Any] = {}
        self._completion_asked = False
        self.reset(0.0)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._tree = CommandTree(_targets(cls))

    def execute(self, message: str) -> Exchange:
        """Begin to carry out one program message (without its line feed)."""
        return Run(self, message)

    def find(self, header: str, path: Node[Target] | None) -> Found[Target]:
        """What `header` names when it is read from `path`. ScpiError -113: nothing."""
        return self._tree.find(header, path)

    def apply(self, name: str, text: str) -> None:
        """Give the setting `name` the value of the parameter `text`; raises ScpiError."""
        self.values[name] = _settings(type(self))[name].parse(text)

    def fail(self, error: ScpiError) -> None:
        """Queue an error."""
        self.status.push(error)

    def tick(self, now_s: float) -> None:
        """Advance to now; an *OPC that waits is completed here."""
        if self._completion_asked and not self.busy(now_s):
            self._completion_asked = False
            self.status.event_status |= OPERATION_COMPLETE

    def busy(self, now_s: float) -> bool:
        """Is an operation pending that *OPC, *OPC? and *WAI wait for?"""
        return False

    def done_s(self, now_s: float) -> float:
        """When that operation will end (s); infinite while that is open."""
        return math.inf

    def reset(self, now_s: float) -> None:
        """*RST: every setting to its default."""
        self.values = {name: setting.default for name, setting in _settings(type(self)).items()}

    def trigger(self, now_s: float) -> None:
        """*TRG, or a bus trigger; an instrument that waits for none reports an error."""
        self.fail(ScpiError(-211))

    def operation_condition(self, now_s: float) -> int:
        """The operation condition register."""
        return 0

    def status_byte(self, message_available: bool = False) -> int:
        """The status byte that *STB? and a serial poll answer."""
        return self.status.byte(message_available)

    @command("*IDN?")
    def _common_identify(self, call: Call) -> Answer:
        return self.identity

    @command("*RST")
    def _common_reset(self, call: Call) -> Answer:
        self._completion_asked = False
        self.reset(call.now_s)
        return None

    @command("*CLS")
    def _common_clear(self, call: Call) -> Answer:
        self._completion_asked = False
        self.status.clear()
        return None

    @command("*TRG")
    def _common_trigger(self, call: Call) -> Answer:
        self.trigger(call.now_s)
        return None

    @command("*TST?")
    def _common_self_test(self, call: Call) -> Answer:
        return 0

    @command("*OPC")
    def _common_complete(self, call: Call) -> Answer:
        self._completion_asked = True
        self.tick(call.now_s)
        return None

    @command("*OPC?")
    def _common_is_complete(self, call: Call) -> Answer:
        return self.when_done(lambda now_s: 1)

    @command("*WAI")
    def _common_wait(self, call: Call) -> Answer:
        return self.when_done(lambda now_s: None)

    def when_done(self, then: Callable[[float], Answer]) -> Later:
        """`then` as soon as no operation is pending."""
        return Later(lambda now_s: not self.busy(now_s), then, self.done_s)

    @command("*ESE")
    def _common_event_enable(self, call: Call) -> Answer:
        self.status.event_enable = call.byte()
        return None

    @command("*ESE?")
    def _common_event_enable_is(self, call: Call) -> Answer:
        return self.status.event_enable

    @command("*ESR?")
    def _common_events(self, call: Call) -> Answer:
        return self.status.take_events()

    @command("*SRE")
    def _common_service_enable(self, call: Call) -> Answer:
        self.status.service_enable = call.byte() & ~64
        return None

    @command("*SRE?")
    def _common_service_enable_is(self, call: Call) -> Answer:
        return self.status.service_enable

    @command("*STB?")
    def _common_status_byte(self, call: Call) -> Answer:
        return self.status_byte()

    @command("SYSTem:ERRor[:NEXT]?")
    def _common_next_error(self, call: Call) -> Answer:
        return self.next_error()

    def next_error(self) -> str:
        """The oldest error, or no error."""
        return self.status.next_error()

    @command("SYSTem:ERRor:COUNt?")
    def _common_error_count(self, call: Call) -> Answer:
        return len(self.status)

    @command("SYSTem:VERSion?")
    def _common_version(self, call: Call) -> Answer:
        return "1999.0"

    @command("STATus:OPERation:CONDition?")
    def _common_operation_condition(self, call: Call) -> Answer:
        return self.operation_condition(call.now_s)


class Run:
    """One program message being carried out, unit by unit; see the module's picture."""

    def __init__(self, instrument: Instrument, message: str) -> None:
        self.due_s = -math.inf
        self.response: bytes | None = None
        self._instrument = instrument
        self._answers: list[bytes] = []
        self._waiting: Later | None = None
        self._path: Node[Target] | None = None
        self._units: deque[str] = deque()
        try:
            self._units.extend(split_message(message))
        except ScpiError as error:
            instrument.fail(error)

    def advance(self, now_s: float) -> bool:
        """Go on as far as possible; True when the message is done."""
        while self._waiting or self._units:
            try:
                if self._waiting and not self._waiting.ready(now_s):
                    self.due_s = self._waiting.due_s(now_s)
                    return False
                self._take(self._next_answer(now_s))
            except ScpiError as error:
                self._instrument.fail(error)
                if error.code > -200:  # a command error: where the rest of the message begins is not known
                    self._units.clear()
        self._instrument.tick(now_s)
        self.response = b";".join(self._answers) + b"\n" if self._answers else None
        return True

    def _next_answer(self, now_s: float) -> Answer:
        if self._waiting:
            waiting, self._waiting = self._waiting, None
            return waiting.then(now_s)
        header, args = split_unit(self._units.popleft())
        found = self._instrument.find(header, self._path)
        if not header.startswith("*"):
            self._path = found.path
        self._instrument.tick(now_s)
        return found.target(self._instrument, Call(header, args, found.suffixes, now_s))

    def _take(self, answer: Answer) -> None:
        if isinstance(answer, Later):
            self._waiting = answer
        elif isinstance(answer, bytes):
            self._answers.append(answer)
        elif isinstance(answer, float):
            self._answers.append(f"{answer:+.8E}".encode())
        elif answer is not None:
            self._answers.append(str(answer).encode("latin-1", "replace"))


def _settings(cls: type) -> dict[str, Setting]:
    return {n: s for base in reversed(cls.__mro__) for n, s in vars(base).items() if isinstance(s, Setting)}


def _targets(cls: type) -> dict[str, Target]:
    """All headers of an instrument class; a subclass's own come last, so that they replace inherited ones."""
    targets: dict[str, Target] = {}
    for setting in _settings(cls).values():
        targets[setting.pattern] = _setter(setting)
        targets[setting.pattern + "?"] = _getter(setting)
    for base in reversed(cls.__mro__):
        for name, member in vars(base).items():
            for pattern in getattr(member, "scpi_patterns", ()):
                targets[pattern] = _method(name)
    return targets


def _method(name: str) -> Target:
    return lambda instrument, call: getattr(instrument, name)(call)


def _setter(setting: Setting) -> Target:
    def set_it(instrument: Instrument, call: Call) -> Answer:
        call.at_most(1)
        instrument.values[setting.name] = setting.parse(call.arg(0))
        return None

    return set_it


def _getter(setting: Setting) -> Target:
    return lambda instrument, call: setting.answer(instrument.values[setting.name], call.args)
