"""Parts that somebody else's package brings: its entry points, looked at when a name is asked for that the bench lacks.

    [project.entry-points."v2g_bench.faults"]
    acme_fan_stuck = "acme_bench.faults:FanStuck"

A package that is broken is named, with its entry point; others are not loaded for it.
"""

import hashlib
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from v2g_bench.errors import BenchError

FAULTS, METERS, EMULATED = "v2g_bench.faults", "v2g_bench.meters", "v2g_bench.emulated_meters"
PAGE = "fixtures/own-parts.md"  # what a part has to have
WORDS = {FAULTS: "fault", METERS: "meter", EMULATED: "emulated meter"}


def part_of_a_package(group: str, name: str) -> type | None:
    """The class that a package registers under this name; None where none does.

    BenchError where two packages do, where it cannot be loaded, and where it is no class.
    """
    found = list(entry_points(group=group, name=name))
    if not found:
        return None
    where = said(found[0])
    if len({one.value for one in found}) > 1:
        raise BenchError(where, f"{said(found[1])} registers it as well", "uninstall one of the two, or rename one")
    try:
        part = found[0].load()
    except (Exception, SystemExit) as error:
        raise BenchError(
            where, f"cannot be loaded: {type(error).__name__}: {error}", "mend that package, or uninstall it"
        ) from error
    if not isinstance(part, type):
        raise BenchError(
            where, f"is no class but {part!r:.80}", f"let the entry point name a class: {name} = 'module:Class'"
        )
    return part


@dataclass(frozen=True)
class Origin:
    """Where a part comes from. file: the one that has its class, "" where that cannot be read; sha256: of this file."""

    what: str
    package: str
    version: str
    file: str
    sha256: str

    def __str__(self) -> str:
        """In one line, for page 1 of a report."""
        where = f"{self.file}, SHA-256 {self.sha256}" if self.file else "its file is not known"
        return f"{self.what}: package {self.package} {self.version}, {where}"


def origin(group: str, name: str) -> Origin | None:
    """Of the part that a package registers under this name; None where none does. BenchError as `part_of_a_package`."""
    part = part_of_a_package(group, name)
    if part is None:
        return None
    (found, *_) = entry_points(group=group, name=name)
    package, version = (found.dist.name, found.dist.version) if found.dist else ("not known", "")
    try:
        path = Path(inspect.getfile(part))
        file, sha256 = (
            f"{'/'.join(part.__module__.split('.')[:-1])}/{path.name}".lstrip("/"),
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
    except (OSError, TypeError):
        file, sha256 = "", ""
    return Origin(f"{WORDS[group]} {name}", package, version, file, sha256)


def require_methods(part: type, needed: Iterable[str], what: str, where: str) -> None:
    """BenchError unless the class has each of these methods, and all that its own base classes leave to it.

    what: what it is to be, for the error.
    """
    methods = {name for name in needed if not callable(getattr(part, name, None))}
    methods |= getattr(part, "__abstractmethods__", set())
    stated = [(name, str(one)) for base in part.__mro__ for name, one in inspect.get_annotations(base).items()]
    facts = {name for name, one in stated if "ClassVar" in one and not hasattr(part, name)}
    if lacking := [*(f"{name}()" for name in sorted(methods)), *sorted(facts)]:
        raise BenchError(
            where,
            f"class {part.__module__}:{part.__qualname__} is no {what}: it lacks {', '.join(lacking)}",
            f"write what is missing, as {PAGE} shows it",
        )


def names(group: str) -> list[str]:
    """What packages register in this group; nothing is loaded."""
    return sorted({one.name for one in entry_points(group=group)})


def said(point: EntryPoint) -> str:
    """An entry point with its package, for an error."""
    package = f"package {point.dist.name} {point.dist.version}" if point.dist else "a package"
    return f"{package}: entry point {point.group}: {point.name} = {point.value}"
