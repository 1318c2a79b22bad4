"""Parts that somebody else's package brings: its entry points, looked at when a name is asked for that the bench lacks.

    [project.entry-points."v2g_bench.faults"]
    acme_fan_stuck = "acme_bench.faults:FanStuck"

A package that is broken is named, with its entry point; others are not loaded for it.
"""

from importlib.metadata import EntryPoint, entry_points

from v2g_bench.errors import BenchError

FAULTS, METERS, EMULATED = "v2g_bench.faults", "v2g_bench.meters", "v2g_bench.emulated_meters"


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


def names(group: str) -> list[str]:
    """What packages register in this group; nothing is loaded."""
    return sorted({one.name for one in entry_points(group=group)})


def said(point: EntryPoint) -> str:
    """An entry point with its package, for an error."""
    package = f"package {point.dist.name} {point.dist.version}" if point.dist else "a package"
    return f"{package}: entry point {point.group}: {point.name} = {point.value}"
