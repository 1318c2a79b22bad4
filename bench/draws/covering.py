"""Covering arrays: few rows in which every pair (triple, …) of values of any two (three, …) factors meets.

Greedy, one row at a time, each with as many tuples that no row had before as it can find: so a prefix of the rows is the best
use of a time that does not suffice for all of them. 16 states x 8 dangers x 4 powers x 3 SoC x 3 temperatures x 2 directions
take 128 rows, which is the least possible.

>>> factors = {"danger": ("heat", "strings"), "direction": ("charge", "discharge"), "power_w": (500, 3000)}
>>> rows = covering(factors, seed=1)
>>> len(rows), share_covered(rows, factors)
(4, 1.0)
"""

import random
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

Row = dict[str, Any]
Factors = Mapping[str, Sequence[Hashable]]
Allowed = Callable[[Mapping[str, Any]], bool]
"""Whether these values may stand together in one row. It is asked of incomplete rows as well, and says yes where what it
would object to is not there yet."""

_CANDIDATES = 8  # rows tried for each row kept: more would shorten the array by less than they cost

_Cell = tuple[int, int]  # place of the factor, place of the value in it
_Tuple = tuple[_Cell, ...]  # in the order of the factors


def _anything(_: Mapping[str, Any]) -> bool:
    return True


def covering(factors: Factors, strength: int = 2, seed: int = 0, allowed: Allowed = _anything) -> list[Row]:
    """Rows that cover each tuple of `strength` values that may stand together; the same rows for the same arguments.

    ValueError where a factor has no value, or no row at all is allowed.
    """
    array = _Array(factors, strength, allowed)
    open_, rng, rows = array.tuples(), random.Random(seed), list[Row]()
    while open_:
        starts = rng.choices(sorted(open_), k=_CANDIDATES)
        rows_found = [array.row(start, open_, rng) for start in starts]
        best = max(rows_found, key=lambda row: len(open_ & array.tuples_of(row)))
        open_ -= array.tuples_of(best)
        rows.append(array.named(best))
    return rows


def share_covered(
    rows: Sequence[Mapping[str, Any]], factors: Factors, strength: int = 2, allowed: Allowed = _anything
) -> float:
    """The share (0 to 1) of the tuples that may stand together which the rows show: counted, whoever made the rows.

    A row may have further keys; one that lacks a factor, or has a value that the factor has not, shows fewer tuples.
    """
    array = _Array(factors, strength, allowed)
    wanted = array.tuples()
    shown = set[_Tuple]().union(*(array.tuples_of(array.places(row)) for row in rows))
    return len(wanted & shown) / len(wanted)


class _Array:
    """The factors as places: what `covering` and `share_covered` count in."""

    def __init__(self, factors: Factors, strength: int, allowed: Allowed) -> None:
        self._names, self._values = list(factors), [list(dict.fromkeys(values)) for values in factors.values()]
        if not self._names or not all(self._values):
            raise ValueError("each factor needs a value")
        self._strength, self._allowed = min(max(1, strength), len(self._names)), allowed

    def tuples(self) -> set[_Tuple]:
        """Every tuple that some whole row can have."""
        found = {one for one in self._all() if self._fits(dict(one)) and self._completed(dict(one)) is not None}
        if not found:
            raise ValueError("no row of these factors is allowed")
        return found

    def tuples_of(self, row: Mapping[int, int]) -> set[_Tuple]:
        """The tuples that a row shows."""
        return set(combinations(sorted(row.items()), self._strength))

    def row(self, start: _Tuple, open_: set[_Tuple], rng: random.Random) -> dict[int, int]:
        """A whole row that has the tuple `start`, filled factor by factor with what covers most of the open tuples."""
        row = dict(start)
        rest = [factor for factor in range(len(self._names)) if factor not in row]
        rng.shuffle(rest)
        for factor in rest:
            values = list(range(len(self._values[factor])))
            rng.shuffle(values)
            values.sort(key=lambda value: -self._gain(row, (factor, value), open_))
            row[factor] = next(
                value
                for value in values
                if self._fits(row | {factor: value}) and self._completed(row | {factor: value}) is not None
            )
        return row

    def named(self, row: Mapping[int, int]) -> Row:
        """The row with names and values, in the order of the factors."""
        return {self._names[factor]: self._values[factor][value] for factor, value in sorted(row.items())}

    def places(self, row: Mapping[str, Any]) -> dict[int, int]:
        """The reverse of `named`, as far as the factors know the values."""
        return {
            factor: self._values[factor].index(row[name])
            for factor, name in enumerate(self._names)
            if name in row and row[name] in self._values[factor]
        }

    def _all(self) -> Iterator[_Tuple]:
        for chosen in combinations(range(len(self._names)), self._strength):
            yield from product(*([(factor, value) for value in range(len(self._values[factor]))] for factor in chosen))

    def _gain(self, row: Mapping[int, int], cell: _Cell, open_: set[_Tuple]) -> int:
        others = combinations(row.items(), self._strength - 1)
        return sum(tuple(sorted((*other, cell))) in open_ for other in others)

    def _fits(self, row: Mapping[int, int]) -> bool:
        return self._allowed is _anything or self._allowed(self.named(row))

    def _completed(self, row: dict[int, int]) -> dict[int, int] | None:
        """Some whole row with these values, None where there is none: the values that are left, tried in their order."""
        if self._allowed is _anything:
            return row
        factor = next((place for place in range(len(self._names)) if place not in row), None)
        if factor is None:
            return row
        for value in range(len(self._values[factor])):
            longer = row | {factor: value}
            if self._fits(longer) and (found := self._completed(longer)) is not None:
                return found
        return None
