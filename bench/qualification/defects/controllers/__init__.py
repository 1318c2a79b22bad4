"""Reference controllers with one seeded defect each: a bench that certifies one of them has a hole.

    v2g-daemon --config ems.toml --core v2g_bench.qualification.defects.controllers:hot_cell_ignored

The name of the module is the area of the defect. Each public name in it is a factory: it takes EmsSettings and gives the Ems.
`catalogue` lists which check must detect which of them, and for what reason.
"""

from types import ModuleType

from v2g_bench.qualification.defects.controllers import (
    acting,
    blind,
    blindness,
    combinations,
    contactors,
    fallbacks,
    forgetful,
    lasting,
    latching,
    late,
    limits,
    log,
    messages,
    once,
    partial,
    power,
    saying,
    states,
    status,
    supervision,
    thermal,
    thresholds,
    timing,
)
from v2g_bench.qualification.defects.controllers.make import Factory

KINDS = (
    timing,
    thresholds,
    blind,
    acting,
    contactors,
    latching,
    lasting,
    forgetful,
    once,
    late,
    messages,
    supervision,
    fallbacks,
    combinations,
    limits,
    thermal,
    power,
    partial,
    log,
    status,
    saying,
    states,
)


def _made_in(module: ModuleType) -> dict[str, Factory]:
    """What the module has under public lower-case names of its own, or made by a helper of this package."""
    return {
        name: value
        for name, value in vars(module).items()
        if name[0].islower() and callable(value) and value.__module__.startswith(__name__)
    }


FACTORIES: dict[str, Factory] = {name: factory for kind in KINDS for name, factory in _made_in(kind).items()}


def __getattr__(name: str) -> Factory:
    """A controller by its name, as `--core` asks for it."""
    if factory := blindness.of_name(name):
        return factory
    try:
        return FACTORIES[name]
    except KeyError:
        raise AttributeError(f"no broken controller is called {name}") from None
