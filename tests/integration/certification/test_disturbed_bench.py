"""A failure that the bench itself may have caused is not held against the controller; one that it has not, is."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import certify, own_suite

pytestmark = pytest.mark.timeout(300)


def test_a_stalled_bms_accuses_nobody(tmp_path):
    """The emulated BMS is held up until the controller takes it for silent, as it should."""
    suite = own_suite(
        tmp_path,
        """
        def heard_all_the_time(bench, judge, held_s):
            with bench.at_power(-3000):
                os.kill(bench._parts.world.plant.pid, signal.SIGSTOP)
                time.sleep(held_s)
                os.kill(bench._parts.world.plant.pid, signal.SIGCONT)
                bench.power.granted()
                judge.holds("the BMS is heard", not bench.controller.log.find("ERR_BMS_TIMEOUT"))

        @pytest.mark.req("OWN-01")
        def test_held_up(bench, judge):
            heard_all_the_time(bench, judge, 0.2)

        @pytest.mark.req("OWN-01")
        def test_not_held_up(bench, judge):
            heard_all_the_time(bench, judge, 0.0)

        @pytest.mark.req("OWN-01")
        def test_failed_by_itself(bench, judge):
            judge.holds("something is latched", bench.controller.latches.latched())
        """,
    )
    done = certify(tmp_path, "virtual", [suite])
    found = {test.nodeid.rpartition("::")[2]: (test.verdict, test.reason) for test in done.requirement("OWN-01").tests}
    assert found["test_held_up"][0] == "INCONCLUSIVE"
    assert "the emulated BMS left out" in found["test_held_up"][1]
    assert "the BMS is heard: no" in found["test_held_up"][1]
    assert found["test_not_held_up"] == ("PASS", "")
    assert found["test_failed_by_itself"] == ("FAIL", "something is latched: no")
    assert done.status != 0
