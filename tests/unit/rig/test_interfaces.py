"""The interfaces of the rig stay narrow, and no part sets an attribute that its constructor does not know."""

import ast
import importlib
import inspect
import pkgutil
import textwrap

import pytest

from v2g_bench import rig, sim
from v2g_bench.rig.dut.controller import Controller
from v2g_bench.rig.measuring.bench import Bench
from v2g_bench.rig.measuring.bus import Bus
from v2g_bench.rig.measuring.command_lines import DutCommandLine
from v2g_bench.rig.measuring.contactors import Contactors
from v2g_bench.rig.measuring.inverter_side import InverterSide
from v2g_bench.rig.measuring.pack import Pack
from v2g_bench.rig.measuring.plans import Plans
from v2g_bench.rig.measuring.power import Power
from v2g_bench.rig.measuring.readings import Readings
from v2g_bench.rig.measuring.session import Session
from v2g_bench.rig.measuring.signals import Signals
from v2g_bench.rig.measuring.under_test import UnderTest
from v2g_bench.rig.measuring.watch import Watch
from v2g_bench.rig.parts import protocol
from v2g_bench.rig.parts.protocol import Parts

MOST = 8
CAPABILITIES = [one for _, one in inspect.getmembers(protocol, inspect.isclass) if one.__module__ == protocol.__name__]


def set_in(function) -> set[str]:
    """The attributes of self that a function sets."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def functions(kind) -> list:
    return [one for one in vars(kind).values() if inspect.isfunction(one)]


def made_by(kind) -> set[str]:
    """The attributes that the constructors of a class and of its bases set, or that its body declares."""
    known: set[str] = set()
    for base in kind.__mro__[:-1]:
        known |= set(vars(base)) | set(getattr(base, "__annotations__", {}))
        init = vars(base).get("__init__")
        if inspect.isfunction(init) and init.__code__.co_filename == inspect.getsourcefile(base):
            known |= set_in(init)
    return known


def members(kind) -> set[str]:
    """What a user of an object sees: methods, properties, attributes."""
    return {name for name in (made_by(kind) | set(dir(kind))) if not name.startswith("_")}


def late(kind) -> set[str]:
    """The attributes that methods of a class set and no constructor knows."""
    own = [one for one in functions(kind) if one.__code__.co_filename == inspect.getsourcefile(kind)]
    return set().union(*map(set_in, own)) - made_by(kind)


def classes(room) -> list[type]:
    """All classes of a package."""
    modules = [importlib.import_module(one.name) for one in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")]
    return [
        kind for module in modules for kind in vars(module).values()
        if inspect.isclass(kind) and kind.__module__ == module.__name__
    ]  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    [
        *(Bench, Session, Power, Pack, Contactors, InverterSide, Watch, Readings, Bus, Signals),
        *(UnderTest, DutCommandLine, Plans, *CAPABILITIES),
    ],
    ids=lambda kind: kind.__name__,
)
def test_an_interface_has_at_most_eight_members(kind):
    assert 0 < len(members(kind)) <= MOST, sorted(members(kind))


def test_the_parts_of_a_rig_are_these():
    assert members(Parts) == {"loaded", "clock", "bus", "instruments", "inverter", "world", "dut", "safety"}
    assert len(CAPABILITIES) >= 9


def test_what_a_test_uses_first_is_what_the_bench_has_itself():
    assert members(Bench) == {
        "at_power", "inject", "recording", "wait_until", "power", "readings", "bus", "controller",
    }  # fmt: skip


def test_an_interface_that_is_too_wide_is_seen():
    """The count sees methods, properties and what a constructor sets: the controller itself has more than eight."""
    assert {"run", "log", "restarts", "starts"} <= members(Controller)
    assert len(members(Controller)) > MOST


class Mixed:
    """Sets what its constructor does not know."""

    def __init__(self):
        self.known = 0

    def opened(self):
        self.known, self.unknown = 1, 2


def test_an_attribute_that_comes_later_is_seen():
    assert late(Mixed) == {"unknown"}


@pytest.mark.parametrize("room", [rig, sim], ids=["rig", "sim"])
def test_every_attribute_is_known_to_the_constructor(room):
    found = classes(room)
    assert len(found) > 20
    assert {kind.__qualname__: late(kind) for kind in found if late(kind)} == {}
