"""How long a stall may last before it voids a trial: the rule, on both sides of each of its bounds."""

import pytest

from v2g_bench.metrology.stall import TOLERANCE_S, tolerated_s


@pytest.mark.parametrize(
    ("value_s", "limit_s", "allowed_s"),
    [
        (0.012, 0.050, TOLERANCE_S),  # a hundredth of a short limit is less
        (0.100, 0.200, TOLERANCE_S),
        (0.9, 3.0, 0.03),
        (2.69, 3.0, 0.03),
        (2.71, 3.0, TOLERANCE_S),  # near the limit each stall counts, on either side of it
        (3.29, 3.0, TOLERANCE_S),
        (3.31, 3.0, 0.03),  # clearly late is late, whatever the machine did in 30 ms
        (None, 3.0, TOLERANCE_S),
    ],
)
def test_a_stall_may_last_for_a_hundredth_of_a_limit_that_is_far_away(value_s, limit_s, allowed_s):
    assert tolerated_s(value_s, limit_s) == pytest.approx(allowed_s)
