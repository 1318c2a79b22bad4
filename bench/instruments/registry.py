"""Names of drivers and of emulated instruments, as a rig file writes them.

    @driver("keysight-34465a")       a class; its first argument is a ScpiSession, all others are keywords
    @emulated("keysight-34465a")     a class; all its arguments are keywords, among them probe, clock and seed

>>> from v2g_bench.instruments import DRIVERS
>>> sorted(DRIVERS)[0]
'fluke-8846a'
"""

import difflib
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from v2g_bench.clock import Clock
from v2g_bench.errors import BenchError
from v2g_bench.inputs import packages
from v2g_bench.inputs.ranges import ANY, Within, ranged, shown
from v2g_bench.instruments.session import ExchangeLog, ScpiSession

DRIVERS: dict[str, Callable[..., Any]] = {}
EMULATED: dict[str, Callable[..., Any]] = {}
EMULATED_METHODS = ("execute", "external_trigger", "reset")  # what its servers, the sync line and *RST call

Part = TypeVar("Part", bound=Callable[..., Any])


def driver(name: str) -> Callable[[Part], Part]:
    """Register a driver class under `name`."""
    return _registrar(DRIVERS, name)


def emulated(name: str) -> Callable[[Part], Part]:
    """Register an emulated instrument under the `name` of its driver."""
    return _registrar(EMULATED, name)


def open_meter(
    name: str,
    resource: str,
    *,
    where: str = "",
    backend: str = "@py",
    timeout_s: float = 2.0,
    clock: Clock | None = None,
    log: ExchangeLog | None = None,
    serves: type | None = None,
    **options: Any,
) -> Any:
    """The driver `name` on a new session to `resource`; `options` are the driver's own (shunt_ohm …).

    where: what an error names, such as "rigs/bench.toml: meters.dc_current"; serves: the protocol that the driver has to have.
    Raises BenchError for an unknown driver or option, a driver that lacks a method, a dead resource, and an instrument that is
    not what the driver is for; nothing stays open then.
    """
    part = driver_named(name, where, options, serves)
    session = ScpiSession(resource, backend=backend, timeout_s=timeout_s, where=where, clock=clock, log=log)
    try:
        return part(session, **options)
    except BaseException:
        session.close()
        raise


def driver_named(
    name: str, where: str, options: Mapping[str, Any] | None, serves: type | None = None
) -> Callable[..., Any]:
    """The driver `name`, which takes a session and these options (None: not looked at), with all that its protocol has.

    BenchError where there is none, or it does not.
    """
    part = _named(DRIVERS, name, where or f"meter {name}", "driver", packages.METERS)
    if serves is not None and inspect.isclass(part):
        needed = [key for key, one in vars(serves).items() if inspect.isfunction(one) and not key.startswith("_")]
        packages.require_methods(part, needed, serves.__name__, where or f"meter {name}")
    if options is not None:
        _check_options(part, options, where or f"meter {name}", given={"session"})
    return part


def emulate(name: str, *, where: str = "", **options: Any) -> Any:
    """The emulated instrument `name`, built with `options` (probe, clock, seed, and its own). BenchError if unknown."""
    part = emulated_named(name, where)
    _check_options(part, options, where or f"emulated meter {name}", given=set())
    return part(**options)


def emulated_named(name: str, where: str) -> Callable[..., Any]:
    """The emulated instrument `name`, with all that the bench calls; BenchError where there is none, or it is not whole."""
    part = _named(EMULATED, name, where or f"emulated meter {name}", "emulated instrument", packages.EMULATED)
    if inspect.isclass(part):
        packages.require_methods(part, EMULATED_METHODS, "EmulatedMeter", where or f"emulated meter {name}")
    return part


def _registrar(parts: dict[str, Callable[..., Any]], name: str) -> Callable[[Part], Part]:
    def register(part: Part) -> Part:
        parts[name] = part
        return part

    return register


def _named(parts: Mapping[str, Callable[..., Any]], name: str, where: str, kind: str, group: str) -> Callable[..., Any]:
    """The bench's own, else the one that a package registers in this group of entry points."""
    if (part := parts.get(name) or packages.part_of_a_package(group, name)) is not None:
        return part
    known = sorted({*parts, *packages.names(group)})
    close = difflib.get_close_matches(name, known, n=1)
    raise BenchError(
        where, f"no {kind} is called {name!r}", f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    )


def _check_options(part: Callable[..., Any], options: Mapping[str, Any], where: str, given: set[str]) -> None:
    """BenchError for an option that the part does not have, or one that it needs and did not get."""
    parameters = {n: p for n, p in inspect.signature(part).parameters.items() if n not in given}
    known, named = ", ".join(parameters), getattr(part, "__name__", "it")
    for name in options:
        if name not in parameters:
            raise BenchError(where, f"unknown option {name!r} of {named}", f"known: {known}")
    for name, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and name not in options:
            raise BenchError(where, f"option {name!r} is missing, of {named}", f"known: {known}")
    try:
        _check_numbers(part, options)
    except ValueError as error:
        raise BenchError(where, str(error)) from None


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """ValueError for a value that no option can have, or that is not in the range that the driver `name` states.

    An unknown driver or option is for `driver_named` to find.
    """
    if name in DRIVERS:
        _check_numbers(DRIVERS[name], options)
    for option, value in options.items():
        if not isinstance(value, bool | int | float | str):
            raise ValueError(f"{option}: {shown(value)} is no number, no text, and not true or false")
        if isinstance(value, int | float) and not isinstance(value, bool):
            _within(ANY, float, option, value)


def _check_numbers(part: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """ValueError for an option outside the range that the part's signature states."""
    hints = typing.get_type_hints(part.__init__ if inspect.isclass(part) else part, include_extras=True)
    for name, value in options.items():
        if (found := ranged(hints.get(name))) is not None:
            kind, limits = found
            _within(limits, kind, name, value)


def _within(limits: Within, kind: type, name: str, value: object) -> None:
    try:
        limits.of(kind, value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
