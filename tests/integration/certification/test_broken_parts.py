"""A rig with a sick part certifies nobody: each defect is found, and by the check that is there for it."""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import certify, controller, rig_file

from v2g_bench.commands.defects.run import PLUGIN
from v2g_bench.fixtures.defects.plugin import SEEDED

pytestmark = pytest.mark.timeout(300)

SHUTDOWN = "tests/conformance/safety/test_emergency_shutdown.py::test_"
HOT = f"{SHUTDOWN}hot_cell_isolates[discharging]"
LOST = "tests/conformance/safety/test_fallbacks.py::test_emi_leaves_charge_only[lost]"
GRADIENT = "tests/conformance/safety/test_fallbacks.py::test_thermal_gradient_derates"
DISCHARGE = "tests/conformance/limits/test_power.py::test_set_power_is_the_power_at_the_terminals[discharging]"


@dataclass(frozen=True)
class Sick:
    """Defects as the plugin of seeded defects takes them; found: the verdict of every test, and the pattern of its reason.

    real: on the emulated rig, where the wire, a time-out or the safe state is tried, and one reading of each kind; the others
    on the simulated one, where the same instruments answer and the same checks look. again: another of its kind is tried in
    any case, this one in .ci/long.
    """

    name: str
    defects: list[list[Any]]
    found: tuple[str, str]
    select: list[str]
    factory: str = ""  # a broken controller that the sick part could hide
    real: bool = False
    again: bool = False


SICK = [
    Sick(
        "welded contactor and deaf inverter",
        [["plant", {"weld_contactor": True, "ignore_stop": True}, "power"]],
        ("FAIL", "does not stay below the threshold"),
        [HOT],
        real=True,
    ),
    Sick(
        "welded contactor",
        [["plant", {"weld_contactor": True}, "power"]],
        ("ERROR", "reports a welded contactor"),
        [HOT],
    ),
    Sick(
        "slow contactor and slow bridge",
        [["plant", {"contactor_open_extra_s": 0.1, "bridge_stop_extra_s": 0.1}, "start"]],
        ("FAIL", r"1\d\d\.\d+ ms ± .* limit <= 50 ms"),
        [HOT],
    ),
    Sick(
        "stuck digitizer",
        [["meters.dc_current", {"stuck": True}, "start"]],
        ("ERROR", "meters.dc_current: .* all .* readings are the same: the reading is stuck"),
        [HOT],
        real=True,
    ),
    Sick(
        "digitizer that shows a thousandth of a forbidden discharge",
        [["meters.dc_current", {"scale": 0.001}, "start"]],
        ("ERROR", r"contradict each other: the digitizer shows .* A, the BMS -\d"),
        [HOT, LOST],
        "noise_keeps_discharging",
    ),
    Sick(
        "dead digitizer",
        [["meters.dc_current", {"hang": True}, "power"]],
        ("ERROR", "meters.dc_current: .* no answer"),
        [HOT],
        real=True,
    ),
    Sick(
        "digitizer with a wrong time base",
        [["meters.dc_current", {"time_base": 0.5}, "start"]],
        ("ERROR", "meters.dc_current: (.* readings came|two edges of the sync line)"),
        [HOT],
        "hot_cell_in_70_ms",
    ),
    *[
        Sick(
            f"digitizer whose time base is {100 * error:+.2g} % off",
            [["meters.dc_current", {"time_base": error}, "start"]],
            ("ERROR", "two edges of the sync line are .* apart"),
            [HOT],
            factory,
            real=error == 0.001,
            again=error == 0.001,
        )
        for error, factory in [(0.001, ""), (0.1, "hot_cell_in_70_ms"), (-0.3, "")]
    ],
    Sick(
        "analyzer that shows half",
        [["meters.ac_power", {"scale": 0.5}, "start"]],
        ("ERROR", "contradict each other: .* more is lost in the converter"),
        [GRADIENT, DISCHARGE],
    ),
    Sick(
        "analyzer that stands still",
        [["meters.ac_power", {"stuck": True}, "power"]],
        ("ERROR", "meters.ac_power: .* no answer"),
        [GRADIENT],
        real=True,
    ),
    Sick(
        "deaf inverter",
        [["inverter", {"faults": [{"kind": "silence"}]}, "start"]],
        ("ERROR", "inverter .* no answer"),
        [HOT],
        real=True,
    ),
    *[
        Sick(
            f"inverter: {kind}",
            [["inverter", {"faults": [{"kind": kind, **more}]}, "start"]],
            ("ERROR", f"inverter 127.0.0.1:.* {message}"),
            [HOT],
            real=True,
            again=kind != "garbage",
        )
        for kind, more, message in [
            ("garbage", {}, "the reply is not Modbus TCP: de ad be ef"),  # `test_inverter_client.py` has its kin
            ("exception", {"code": 6}, r"exception 6 \(server device busy\)"),
            ("delay", {"delay_s": 3.0}, "no answer"),
        ]
    ],
    Sick(
        "analyzer that answers late",
        [["meters.ac_power", {"late_answer_s": 5.0}, "power"]],
        ("ERROR", "meters.ac_power: .* no answer to"),
        [GRADIENT],
        real=True,
        again=True,
    ),
    Sick(
        "analyzer that answers another question",
        [["meters.ac_power", {"answers_another": True}, "power"]],
        ("ERROR", "meters.ac_power: .* (is due|are due)"),
        [GRADIENT],
    ),
    Sick(
        "digitizer that answers another question",
        [["meters.dc_current", {"answers_another": True}, "start"]],
        ("ERROR", "meters.dc_current: .* (is due|are due|no complete block)"),
        [HOT],
    ),
    Sick(
        "digitizer that sends half of its record",
        [["meters.dc_current", {"truncated_block": True}, "start"]],
        ("ERROR", "meters.dc_current: .* no complete block"),
        [HOT],
        real=True,
        again=True,
    ),
    Sick(
        "digitizer whose error queue never ends",
        [["meters.dc_current", {"full_error_queue": True}, "start"]],
        ("ERROR", "meters.dc_current: .* no end of errors"),
        [HOT],
    ),
]


@pytest.mark.parametrize(
    "sick", [pytest.param(one, id=one.name, marks=pytest.mark.long if one.again else []) for one in SICK]
)
def test_a_sick_part_is_found(tmp_path, sick):
    changes = {"dut.command": controller(sick.factory)} if sick.factory else {}
    rig = rig_file(tmp_path, changes, base="virtual" if sick.real else "sim")
    env = {SEEDED: json.dumps({"parts": sick.defects})}
    done = certify(tmp_path, rig, sick.select, "-p", PLUGIN, env=env)
    verdict, pattern = sick.found
    assert done.status == 1, done.out
    assert set(done.tested().values()) == {verdict}, done.out
    for requirement in done.tested():
        assert re.search(pattern, done.reason(requirement)), done.reason(requirement)
    assert (done.folder / "main.blf").stat().st_size > 1000  # the evidence is kept, also of what went wrong
    assert (done.folder / "report.pdf").exists()
