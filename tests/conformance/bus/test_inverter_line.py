"""The line between controller and inverter: what is damaged or lost on it is no answer."""

import pytest

from v2g_bench.inverter.server_faults import ServerFault

LINES = ["garbage", "lost-reply", "wrong-unit"]


@pytest.mark.req("BUS-12")
@pytest.mark.parametrize("kind", LINES)
def test_a_line_that_damages_every_reply_ends_the_transfer(bench, judge, kind):
    """Each reply is damaged, lost or another unit's: the current ends within the rig's time."""
    limit_ms, power_w = judge.limits.offline_limit_ms, 3000 if kind == "garbage" else -3000  # damage in both directions
    with bench.at_power(power_w), bench.recording(rate_hz=5000, after_s=limit_ms / 1000 + 0.5) as trace:
        with bench.power.inverter.line(ServerFault(kind)) as since:
            judge.logged(r"FAULT_INVERTER_OFFLINE", within_s=limit_ms / 1000)
            judge.latency("time to isolation", trace.isolation(after=since), below_ms=limit_ms)
