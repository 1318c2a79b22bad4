"""What one trial drew: its values by name, and how they read in a report."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

UNITS = {
    "_k_per_s": "K/s",
    "_mv_per_s": "mV/s",
    "_pct": "%",
    "_mv": "mV",
    "_w": "W",
    "_c": "°C",
    "_v": "V",
    "_k": "K",
    "_a": "A",
    "_s": "s",
}


@dataclasses.dataclass(frozen=True)
class World:
    """The values that one trial drew; each is an attribute: `world.power_w`.

    >>> world = World({"power_w": -4210.0, "soc_pct": 61.2})
    >>> world.power_w, str(world)
    (-4210.0, 'power -4210 W, soc 61.2 %')
    """

    values: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(f"{name} was not drawn; drawn: {', '.join(self.values) or 'nothing'}") from None

    def get(self, name: str) -> Any:
        """A value, None where it was not drawn."""
        return self.values.get(name)

    def shown(self) -> dict[str, str]:
        """Each value as it is reported: its name without the unit, and its text with it."""
        return dict(_shown(self.values))

    def __str__(self) -> str:
        return ", ".join(f"{name} {text}" for name, text in self.shown().items())


def _shown(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            yield name, str(getattr(value, "kind", type(value).__name__)).replace("_", " ")
            yield from _shown({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
            continue
        suffix = next((suffix for suffix in UNITS if name.endswith(suffix)), "")
        text = f"{value:g}" if isinstance(value, float) else str(value)
        yield name.removesuffix(suffix).replace("_", " "), f"{text} {UNITS[suffix]}" if suffix else text
