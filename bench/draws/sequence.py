"""Numbers from 0 to 1 that fill that range evenly, however few are drawn; each depends on its key and its place alone.

Of any 2, 4, 8, … consecutive ones (from a place that their number divides) exactly one lies in each half, quarter, eighth, …
A controller that is blind in a fifth of a dimension meets the first 16 draws for certain; 16 independent ones miss it once in
36 runs. The digits are those of a van der Corput sequence, scrambled (Owen 1995) anew in each block: so two dimensions never
move together.

>>> sorted(int(8 * even("seed 1 power", place)) for place in range(8))
[0, 1, 2, 3, 4, 5, 6, 7]
"""

import hashlib

LEVELS = 12  # halvings that are evenly filled: 4096 draws


def even(key: str, place: int) -> float:
    """The number at this place (from 0) of the key's sequence: 0 <= number < 1."""
    part = 0
    for level in range(LEVELS):
        turned = _chance(f"{key}/{level}/{place >> level + 1}/{part}") < 0.5
        part = 2 * part + ((place >> level & 1) ^ turned)
    return float((part + _chance(f"{key}/{place}")) / (1 << LEVELS))


def _chance(key: str) -> float:
    """A number from 0 to 1 that the key alone decides."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big") / (1 << 48)
