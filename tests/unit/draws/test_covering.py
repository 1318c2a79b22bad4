"""Covering arrays: every pair is there, counted by itself; constraints are kept; the same seed gives the same rows."""

from itertools import combinations, product

import pytest

from v2g_bench.draws.covering import covering, share_covered

MATRIX = {
    "state": range(16),
    "danger": range(8),
    "power": range(4),
    "soc": range(3),
    "temperature": range(3),
    "direction": range(2),
}


def counted(rows, factors, strength=2) -> float:
    """The share of tuples in these rows, counted the slow way."""
    wanted = {
        frozenset(zip(names, values, strict=True))
        for names in combinations(factors, strength)
        for values in product(*(factors[name] for name in names))
    }
    shown = {frozenset(some) for row in rows for some in combinations(row.items(), strength)}
    return len(wanted & shown) / len(wanted)


@pytest.mark.parametrize("seed", range(3))
def test_every_pair_in_the_fewest_rows(seed):
    rows = covering(MATRIX, seed=seed)
    assert counted(rows, MATRIX) == share_covered(rows, MATRIX) == 1.0
    assert len(rows) <= 132  # 128 is the least possible: 16 states times 8 dangers


def test_every_triple():
    factors = {name: MATRIX[name] for name in ("danger", "power", "soc", "direction")}
    rows = covering(factors, strength=3, seed=1)
    assert counted(rows, factors, 3) == share_covered(rows, factors, 3) == 1.0


def test_a_prefix_is_worth_its_time():
    rows = covering(MATRIX, seed=4)
    shares = [share_covered(rows[:count], MATRIX) for count in (16, 32, 64, 96)]
    assert shares == sorted(shares)
    assert shares[0] > 0.38
    assert shares[2] > 0.75


def test_same_seed_same_rows():
    assert covering(MATRIX, seed=7) == covering(MATRIX, seed=7)
    assert covering(MATRIX, seed=7) != covering(MATRIX, seed=8)


def test_constraints_are_kept_and_what_they_exclude_is_not_wanted():
    factors = {
        "state": ("charge-only", "charging", "standby"),
        "direction": ("charge", "discharge"),
        "soc": (30, 50, 70),
    }

    def allowed(row) -> bool:
        return not (row.get("state") == "charge-only" and row.get("direction") == "discharge")

    rows = covering(factors, seed=3, allowed=allowed)
    assert all(allowed(row) for row in rows)
    assert share_covered(rows, factors, allowed=allowed) == 1.0
    assert counted(rows, factors) < 1.0


def test_a_tuple_that_no_whole_row_can_have_is_not_wanted():
    factors = {"a": (1, 2), "b": (1, 2), "c": (1, 2)}

    def allowed(row) -> bool:  # a = 1 and b = 1 leave nothing for c
        return not (row.get("a") == 1 and row.get("b") == 1 and "c" in row)

    rows = covering(factors, allowed=allowed)
    assert {"a": 1, "b": 1} not in [{name: row[name] for name in "ab"} for row in rows]
    assert share_covered(rows, factors, allowed=allowed) == 1.0


def test_missing_rows_are_missed():
    rows = covering(MATRIX, seed=1)
    assert share_covered(rows[:-1], MATRIX) < 1.0
    assert share_covered([], MATRIX) == 0.0
    assert share_covered([{"state": 3, "danger": 99}], MATRIX) == 0.0


@pytest.mark.parametrize("factors", [{}, {"a": ()}])
def test_nothing_to_cover_is_an_error(factors):
    with pytest.raises(ValueError, match="value"):
        covering(factors)


def test_no_row_allowed_is_an_error():
    with pytest.raises(ValueError, match="allowed"):
        covering({"a": (1,), "b": (2,)}, allowed=lambda row: len(row) < 2)
