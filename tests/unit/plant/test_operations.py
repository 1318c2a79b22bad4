"""The operations of the control socket on a world: what is no number is answered, and changes nothing."""

import json

import pytest

from v2g_bench.plant.control import answer
from v2g_bench.rig.file.load import load_rig
from v2g_bench.sim.rig import SimRig


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with SimRig(load_rig("sim"), tmp_path_factory.mktemp("world"), seed=1, note=lambda text: None) as parts:
        yield parts.world.plant.client


NUMBERS = [
    ("reset", {}, "soc_pct", (101, -1)),
    ("reset", {}, "temperature_c", (-41, 61)),
    ("reset", {}, "capacity_ah", (0, 10_001)),
    ("inject", {"fault": {"kind": "bms_silence"}}, "at_s", (1e300,)),
    ("inject", {"fault": {"kind": "bms_silence"}}, "after_s", (-1, 86_401)),
    ("clear", {}, "injection", (-1, 1.5)),
    ("seed", {}, "seed", (-1, 0.5)),
    ("sync_pulse", {}, "marker_a", (1e6,)),
    ("sync_mark", {"up": True}, "marker_a", (1e6,)),
    ("truth_isolation", {}, "after_s", (1e300,)),
    ("truth_isolation", {"after_s": 0.0}, "fraction", (0, 1)),
    ("truth_events", {}, "since_s", (1e300,)),
    ("truth_frame", {"role": "soc", "since_s": 0.0}, "above", (1e300,)),
    ("truth_frame", {"role": "soc", "above": 0.0}, "since_s", (1e300,)),
    ("truth_current", {}, "at_s", (1e300,)),
]
NO_NUMBERS = (10**400, True, "nan", "1", [], {}, {"kind": []})


@pytest.mark.parametrize(("op", "more", "name", "beyond"), NUMBERS, ids=lambda value: str(value)[:20])
def test_no_operation_takes_nonsense_for_a_number(client, op, more, name, beyond):
    before = client.status()
    for value in (*NO_NUMBERS, *beyond):
        line = json.dumps({"id": 7, "op": op, "args": more | {name: value}}).encode()
        found = answer(line, client._operations)
        assert found["id"] == 7
        assert found["error"]["where"] == f"control: {op}.{name}"
        assert "is not a" in found["error"]["what"]
        assert len(found["error"]["what"]) < 150
    for text in ("NaN", "Infinity", "1e999"):
        line = f'{{"id": 7, "op": "{op}", "args": {json.dumps(more | {name: 7})}}}'.replace(": 7}}", f": {text}}}}}")
        assert text in line
        assert "error" in answer(line.encode(), client._operations)
    assert client.status()["injections"] == before["injections"]


@pytest.mark.parametrize(
    ("part", "values", "message"),
    [
        ("plant", {"power_gain": 1e308}, "plant: power_gain: 1e+308 is not a number"),
        ("plant", {"power_gain": 10**400}, "plant: power_gain: 1000"),
        ("plant", {"power_gain": True}, "plant: power_gain: true is not a number"),
        ("plant", {"contactor_open_extra_s": -1}, "plant: contactor_open_extra_s: -1 is not a number"),
        ("plant", {"weld_contactor": 1}, "plant: weld_contactor: 1 is not a bool"),
        ("meters.dc_current", {"scale": "nan"}, "meters.dc_current: scale: 'nan' is not a number"),
        ("meters.dc_current", {"identity": 5}, "meters.dc_current: identity: 5 is not a str"),
        ("inverter", {"alarms": -1}, "inverter: alarms: -1 is not a whole number"),
        ("inverter", {"local": "yes"}, "inverter: local: 'yes' is not a bool"),
        ("inverter", {"faults": 5}, "inverter: faults: 5 is not a list of tables"),
        ("inverter", {"faults": [{"kind": "delay", "delay_s": 10**400}]}, "server fault: delay_s: 1000"),
        ("inverter", {"faults": [{"kind": []}]}, "server fault: no kind []"),
    ],
)
def test_no_defect_takes_nonsense_for_a_number(client, part, values, message):
    line = json.dumps({"id": 1, "op": "set_defects", "args": {"part": part, "values": values}}).encode()
    error = answer(line, client._operations)["error"]
    assert message in f"{error['where']}: {error['what']}"


@pytest.mark.parametrize(
    "args", [{"part": [], "values": {}}, {"part": {"a": 1}, "values": "x"}, {"part": "plant", "values": "dc_current"}]
)
def test_a_defect_of_no_part_is_answered(client, args):
    line = json.dumps({"id": 1, "op": "set_defects", "args": args}).encode()
    assert answer(line, client._operations)["error"]["where"].startswith("control: set_defects.")
