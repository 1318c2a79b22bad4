"""Each source of an electrical quantity 5 % off in turn: the verdict is INCONCLUSIVE, and says who says what.

On the simulation, which has the same drivers, instruments and comparisons as the emulated rigs.
"""

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import certify

from v2g_bench.commands.defects.run import PLUGIN
from v2g_bench.fixtures.consistency import REQUIREMENT as CONSISTENT
from v2g_bench.fixtures.defects.plugin import SEEDED

pytestmark = pytest.mark.timeout(300)

POWER = "tests/conformance/limits/test_power.py::test_set_power_is_the_power_at_the_terminals[discharging]"
WINDOW = "tests/conformance/limits/test_soc_window.py::test_override_replaces_the_soc_limit"
HOT_PACK = "tests/conformance/thermal/test_derating.py::test_hot_pack_derates"
HOT_CELL = "tests/conformance/safety/test_emergency_shutdown.py::test_hot_cell_isolates[charging]"

SICK = {
    "power analyzer": (["meters.ac_power", {"scale": 1.05}], "AC", "analyzer", [POWER, WINDOW]),
    "multimeter": (["meters.multimeter", {"scale": 0.95}], "AC", "multimeter", [POWER, WINDOW]),
    "digitizer": (["meters.dc_current", {"scale": 1.05}], "DC current", "digitizer", [POWER, HOT_PACK, HOT_CELL]),
    "inverter's registers": (
        ["plant", {"inverter_scale": 1.05}],
        "(AC power|DC current)",
        "inverter",
        [POWER, HOT_PACK],
    ),
    "BMS's current": (["plant", {"bms_current_scale": 1.05}], "DC current", "BMS", [POWER, HOT_PACK, HOT_CELL]),
}


@pytest.mark.parametrize("name", SICK)
def test_a_source_that_is_5_pct_off_makes_it_inconclusive(tmp_path, name):
    defect, quantity, by, select = SICK[name]
    env = {SEEDED: json.dumps({"parts": [[*defect, "start"]]})}
    done = certify(tmp_path, "sim", select, "-p", PLUGIN, env=env)
    assert done.status == 1, done.out
    assert set(done.tested().values()) == {"INCONCLUSIVE"}, done.out
    for requirement in done.tested():
        message = rf"sources of {quantity}.*by the {by}.* disagree by|disagree by .*by the {by} -?[\d.]+ \w+ ± "
        if requirement == CONSISTENT:  # what the controller says is held against a source that is in doubt
            message = rf"it says .*; seen: .* by the {by}"
        assert re.search(message, done.reason(requirement)), done.reason(requirement)
