"""One run, forged in many ways with what lies on every desk: a text editor, and `v2g-bench report` to make the rest fit.

The run is one of a controller that is too slow, so that there is something to hide. Each forgery is found in the unsealed
folder, by the comparison that is named with it; the seal finds the last ones, which only a known key can. Every fourth by
default, all of them where V2G_LONG is set.
"""

import io
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typst

sys.path.insert(0, str(Path(__file__).parent))
from certify import PROJECT, certify, controller, rig_file

from v2g_bench.commands.main import main
from v2g_bench.errors import BenchError
from v2g_bench.reports.model.run import load
from v2g_bench.reports.model.verdicts import VERDICTS
from v2g_bench.reports.sign.keys import new_key, open_signer
from v2g_bench.reports.sign.laboratory import laboratory
from v2g_bench.reports.sign.seal import seal
from v2g_bench.reports.verify.run_folder import verify

pytestmark = [pytest.mark.timeout(300), pytest.mark.simulated]

SAFETY = "tests/conformance/safety/test_emergency_shutdown.py"
CUT_S = 0.058


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose isolation takes 70 ms, 50 ms allowed."""
    base = tmp_path_factory.mktemp("made")
    rig = rig_file(base, {"dut.command": controller("hot_cell_in_70_ms")}, base="sim")
    done = certify(
        base, rig, [f"{SAFETY}::test_hot_cell_isolates", f"{SAFETY}::test_no_trip_at_the_limit"], "--trials=2"
    )
    assert done.verdict("SAF-01") == "FAIL", done.out
    return done.folder


@pytest.fixture
def _plain_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Laying out the PDF takes most of a forger's time, and nothing here depends on it."""
    monkeypatch.setattr(typst, "compile", lambda *_, **__: b"%PDF-1.7 laid out")


@dataclass
class Desk:
    """A run folder that lies open in an editor."""

    folder: Path
    results: dict[str, Any] = field(init=False)
    events: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.results = json.loads((self.folder / "results.json").read_text())
        self.events = [json.loads(line) for line in (self.folder / "events.jsonl").read_text().splitlines()]

    def requirement(self, key: str) -> dict[str, Any]:
        return next(one for one in self.results["requirements"] if one["id"] == key)

    def latencies(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """(test, measurement) of each time to isolation of SAF-01."""
        for test in self.requirement("SAF-01")["tests"]:
            for m in test["measurements"]:
                if m["name"] == "time to isolation":
                    yield test, m

    def passes(self) -> None:
        """SAF-01 and its tests say PASS."""
        requirement = self.requirement("SAF-01")
        requirement["verdict"] = "NOT TESTED" if requirement["left_out"] else "PASS"
        for test, m in self.latencies():
            test["verdict"] = m["verdict"] = "PASS"
            test["reason"] = ""

    def event(self, kind: str) -> dict[str, Any]:
        return next(one for one in self.events if one["event"] == kind)

    def forget(self, nodeid: str) -> None:
        """Nothing of this test among the events."""
        self.events = [one for one in self.events if nodeid not in str(one.get("test"))]

    def rewrite(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text()
        assert old in text
        (self.folder / path).write_text(text.replace(old, new))

    def rig(self, text: str) -> None:
        """Another rig file, quoted as the run's own."""
        self.results["rig_file_text"] = text
        (self.folder / "rig.toml").write_text(text)

    def close(self) -> None:
        """Save all, and have the bench make reports and hashes anew."""
        if (self.folder / "events.jsonl").exists():
            (self.folder / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in self.events))
        for verdict in VERDICTS:
            self.results["verdict"] = verdict
            (self.folder / "results.json").write_text(json.dumps(self.results))
            try:
                load(self.folder / "results.json")
                break
            except BenchError:
                continue
        (self.folder / "manifest.json").unlink(missing_ok=True)
        assert main(["report", str(self.folder)]) == 0


def not_claimed(desk: Desk) -> None:
    reason = '[dut] claims = ["SAF-03"]'
    desk.requirement("SAF-01").update(
        tests=[], left_out=[], verdict="NOT APPLICABLE", not_applicable_reason=reason, statement=reason
    )


def not_claimed_by_the_rig_file_too(desk: Desk) -> None:
    not_claimed(desk)
    claims = [one["id"] for one in desk.results["requirements"] if one["id"] != "SAF-01"]
    desk.requirement("SAF-01")["not_applicable_reason"] = f"[dut] claims = {json.dumps(claims)}"
    text = desk.results["rig_file_text"]
    desk.rig(text.replace("[dut]\n", f"[dut]\nclaims = {json.dumps(claims)}\n"))
    desk.forget("test_hot_cell_isolates")


def called_emulated(desk: Desk) -> None:
    desk.results.update(evidence="emulated", clock="real", marks=[])


def called_virtual_with_its_rig_file(desk: Desk) -> None:
    """The shipped virtual rig's file; every statement of the results as it wants it."""
    called_emulated(desk)
    desk.rig((PROJECT / "rigs/virtual.toml").read_text())
    desk.results.update(rig="virtual", place="one machine, no hardware", pics=desk.results["pics"])
    desk.results["controller"].update(kind="process", command="v2g-daemon --config {config}")
    desk.event("run started")["rig"] = "virtual"
    desk.event("rig described")["controller"] = desk.results["controller"]
    desk.events = [one for one in desk.events if one["event"] != "mark"]


def called_hardware(desk: Desk) -> None:
    desk.results.update(
        evidence="hardware", clock="real", marks=[], job={"laboratory": "Example"}, place="laboratory 2"
    )
    for one in desk.results["instruments"]:
        one.update(emulated=False, resource="TCPIP::192.0.2.7::INSTR")
        if one["part"] != "inverter":
            one.update(calibration="certificate 1", calibration_due="2099-01-01")
    desk.event("rig described")["instruments"] = desk.results["instruments"]
    desk.results["qualification"] = {"date": desk.results["started"], "verdict": "PASS", "text": "in order", "rows": []}


def called_hardware_with_records(desk: Desk) -> None:
    """With calibration records, a qualification, and the shipped example of a hardware rig as the rig's file."""
    called_hardware(desk)
    desk.rig((PROJECT / "rigs/hardware-example.toml").read_text())
    desk.results.update(rig="hardware-example", place="laboratory 2, bench 3")
    (desk.folder / "calibration").mkdir()
    for one in desk.results["instruments"][:-1]:
        serial = one["identity"].partition("serial ")[2].partition(",")[0]
        text = f'serial = "{serial}"\ndue = 2099-01-01\n'
        (desk.folder / f"calibration/{one['part'].removeprefix('meters.')}.toml").write_text(text)
    (desk.folder / "qualification").mkdir()
    kept = {
        "rig": "hardware-example",
        "date": desk.results["started"],
        "verdict": "PASS",
        "text": "in order",
        "rows": [],
    }
    (desk.folder / "qualification/hardware-example.json").write_text(json.dumps(kept))


def cut_out_of_the_waveforms(desk: Desk) -> None:
    """58 ms less of current behind t0, and the figures that go with it."""
    for _, m in desk.latencies():
        for trial in m["trials"]:
            path = desk.folder / trial["waveform"]
            with np.load(path) as file:
                entries = {key: file[key] for key in file.files}
            first = int((trial["t0_s"] + 0.001 - float(entries["start_s"])) / float(entries["dt_s"]))
            count = int(CUT_S / float(entries["dt_s"]))
            entries["samples"] = np.delete(entries["samples"], np.s_[first : first + count])
            entries["t1_s"] = entries["t1_s"] - CUT_S
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **entries)
            path.write_bytes(buffer.getvalue())
            trial["value"] -= 1000 * CUT_S
            trial["t1_s"] -= CUT_S
        m["value"] -= 1000 * CUT_S
    desk.passes()


def requirement_removed(desk: Desk) -> None:
    desk.results["requirements"] = [one for one in desk.results["requirements"] if one["id"] != "SAF-01"]
    (desk.folder / "requirements/SAF-01.md").unlink()


def requirement_removed_from_the_list_too(desk: Desk) -> None:
    requirement_removed(desk)
    suite = json.loads((desk.folder / "suite.json").read_text())
    del suite["requirements"]["SAF-01"]
    (desk.folder / "suite.json").write_text(json.dumps(suite))
    desk.forget("test_hot_cell_isolates")


def one_test_removed(desk: Desk) -> None:
    del desk.requirement("SAF-01")["tests"][0]


def trials_dropped(desk: Desk, place: int) -> None:
    for test, m in desk.latencies():
        dropped = m["trials"].pop(place)
        (desk.folder / dropped["waveform"]).unlink()
        test["drawn"].pop(place)
        for number, (trial, draw) in enumerate(zip(m["trials"], test["drawn"], strict=True), 1):
            trial["index"] = draw["index"] = number
    desk.events = [one for one in desk.events if one["event"] not in ("trial", "drawn")]


def first_trials_dropped(desk: Desk) -> None:
    trials_dropped(desk, 0)


def last_trials_dropped(desk: Desk) -> None:
    trials_dropped(desk, -1)


def trials_called_void(desk: Desk) -> None:
    for _, m in desk.latencies():
        m["trials"][0].update(void=True, void_reason="the host stalled")


def judged_limit_changed(desk: Desk) -> None:
    for _, m in desk.latencies():
        m["limit_high"] = 100.0
        m["limit_text"] = "<= 100 ms"
        for trial in m["trials"]:
            path = desk.folder / trial["waveform"]
            with np.load(path) as file:
                entries = {key: file[key] for key in file.files}
            np.savez_compressed(path, **{**entries, "limit_s": entries["t0_s"] + 0.1})
    desk.passes()


def wording_of_the_limit_changed(desk: Desk) -> None:
    desk.requirement("SAF-01")["limit"] = "100 ms"


def threshold_changed(desk: Desk) -> None:
    desk.results["thresholds"]["judging.no_discharge_w"] = "3500.0"


def threshold_changed_in_the_rig_file_too(desk: Desk) -> None:
    threshold_changed(desk)
    desk.rig(desk.results["rig_file_text"] + "\n[judging]\nno_discharge_w = 3500.0\n")


def rig_copy_replaced(desk: Desk) -> None:
    shutil.copyfile(PROJECT / "rigs/sim-wire.toml", desk.folder / "rig.toml")


def profile_made_lenient(desk: Desk) -> None:
    desk.requirement("SAF-01")["mandatory"] = False


def events_deleted(desk: Desk) -> None:
    (desk.folder / "events.jsonl").unlink()


def faults_forgotten(desk: Desk) -> None:
    desk.events = [one for one in desk.events if one["event"] != "faults"]


def commit_changed(desk: Desk) -> None:
    desk.results["commit"] = "0" * 40


def seed_changed(desk: Desk) -> None:
    desk.results["seed"] = desk.event("run started")["seed"] = 12


def host_changed(desk: Desk) -> None:
    desk.results["host"]["host"] = "bench-3"


def version_changed(desk: Desk) -> None:
    desk.results["controller"]["version"] = "9.9"
    desk.event("rig described")["controller"]["version"] = "9.9"


def capture_deleted(desk: Desk) -> None:
    (desk.folder / "main.blf").unlink()


def log_deleted(desk: Desk) -> None:
    (desk.folder / "v2g-main.log").unlink()


def database_replaced(desk: Desk) -> None:
    shutil.copyfile(PROJECT / "dbc/compact_classic.dbc", desk.folder / "database/bus.dbc")


def qualification_of_another_run(desk: Desk) -> None:
    """As it stands in the folder of another run, quoted word for word."""
    row = {"delay of the responder": "all", "trials": "50", "wrong": "0"}
    kept = {
        **{"rig": "rig", "rig_sha256": "a" * 64, "date": desk.results["started"], "duration_s": 35.0, "seed": 1},
        **{"stamps": "kernel", "truth": "a mark", "verdict": "PASS", "text": "50 trials", "rows": [row], "floor": []},
        "bench": {"version": "0.1.0", "commit": "", "machine": "another"},
        "outcomes": [],
    }
    (desk.folder / "qualification").mkdir()
    (desk.folder / f"qualification/{desk.results['rig']}.json").write_text(json.dumps(kept))
    quoted = {"date": kept["date"], "verdict": "PASS", "text": "50 trials; truth: a mark", "rows": [row]}
    desk.results["qualification"] = quoted


def mark_taken_away(desk: Desk) -> None:
    desk.results["marks"] = []


def deviation_taken_away(desk: Desk) -> None:
    desk.results["deviations"] = []


def value_changed(desk: Desk) -> None:
    for _, m in desk.latencies():
        m["value"] = 12.0
    desk.passes()


FORGERIES: dict[Callable[[Desk], None], set[str]] = {
    not_claimed: {"rig", "origin", "waveform"},
    not_claimed_by_the_rig_file_too: {"capture", "waveform"},
    called_emulated: {"rig", "missing", "origin"},
    called_virtual_with_its_rig_file: {"capture", "missing"},
    called_hardware: {"rig", "qualified"},
    called_hardware_with_records: {"capture", "missing", "qualified", "origin"},
    cut_out_of_the_waveforms: {"waveform"},
    requirement_removed: {"suite", "waveform"},
    requirement_removed_from_the_list_too: {"capture", "waveform"},
    one_test_removed: {"suite", "waveform"},
    first_trials_dropped: {"origin", "capture", "waveform"},
    last_trials_dropped: {"capture", "waveform"},
    trials_called_void: {"origin"},
    judged_limit_changed: {"limit"},
    wording_of_the_limit_changed: {"limit"},
    threshold_changed: {"rig"},
    threshold_changed_in_the_rig_file_too: {"rig"},
    rig_copy_replaced: {"rig"},
    profile_made_lenient: {"profile"},
    events_deleted: {"missing"},
    faults_forgotten: {"capture"},
    commit_changed: {"origin"},
    seed_changed: {"origin"},
    host_changed: {"origin"},
    version_changed: {"origin"},
    capture_deleted: {"missing"},
    log_deleted: {"missing"},
    database_replaced: {"rig"},
    qualification_of_another_run: {"qualified"},
    mark_taken_away: {"origin"},
    deviation_taken_away: {"origin"},
    value_changed: {"verdict"},
}


def test_the_run_as_it_was_made_fits(made: Path) -> None:
    result = verify(made)
    assert result.ok, result.findings
    assert not result.impossible
    assert result.standing.startswith("NO EVIDENCE")


@pytest.mark.usefixtures("_plain_pdf")
@pytest.mark.parametrize(
    "forge",
    [pytest.param(one, marks=pytest.mark.long if place % 4 else []) for place, one in enumerate(FORGERIES)],
    ids=lambda forge: forge.__name__,
)
def test_a_forgery_is_found_in_the_unsealed_folder(made: Path, tmp_path: Path, forge: Callable[[Desk], None]) -> None:
    desk = Desk(shutil.copytree(made, tmp_path / "run"))
    forge(desk)
    desk.close()
    found = verify(desk.folder)
    assert {one.kind for one in found.findings} >= FORGERIES[forge], "\n".join(map(str, found.findings))


def listed(path: Path, key: Path) -> Path:
    """The list of a laboratory that has this key alone."""
    from v2g_bench.reports.sign.keys import fingerprint

    known = fingerprint(open_signer(str(key)).certificate)
    path.write_text(f'[[key]]\nname = "Bench 3"\nfingerprint = "{known}"\nsince = 2020-01-01\nuntil = 2099-12-31\n')
    return path


def test_sealed_with_a_key_made_on_the_spot(made: Path, tmp_path: Path) -> None:
    """The folder alone cannot show it; whoever knows the laboratory's keys sees it at once."""
    folder = shutil.copytree(made, tmp_path / "run")
    new_key(tmp_path / "bench.pem", "Bench 3")
    new_key(tmp_path / "spot.pem", "Bench 3")
    desk = Desk(folder)
    desk.close()
    seal(folder, open_signer(str(tmp_path / "spot.pem")))
    assert verify(folder).standing.endswith("which nobody here vouches for; anybody can make a key")
    keys = laboratory(listed(tmp_path / "keys.toml", tmp_path / "bench.pem"), folder)
    (found,) = verify(folder, keys=keys).findings
    assert "is not on the laboratory's list" in found.text


def test_sealed_at_its_time_and_forged_afterwards(made: Path, tmp_path: Path) -> None:
    """What stands in one place alone, only the chain of records shows, which can be made anew; the seal cannot."""
    folder = shutil.copytree(made, tmp_path / "run")
    new_key(tmp_path / "bench.pem", "Bench 3")
    desk = Desk(folder)
    desk.results["operator"] = "somebody else"
    desk.close()
    assert {one.kind for one in verify(folder).findings} == {"chain"}
    shutil.rmtree(folder)
    shutil.copytree(made, folder)
    seal(folder, open_signer(str(tmp_path / "bench.pem")))
    keys = laboratory(listed(tmp_path / "keys.toml", tmp_path / "bench.pem"), folder)
    assert verify(folder, keys=keys).evidence
    seals = (folder / "seal.json").read_bytes()
    desk = Desk(folder)
    desk.results["operator"] = "somebody else"
    desk.close()
    (folder / "seal.json").write_bytes(seals)
    found = verify(folder, keys=keys)
    assert {one.kind for one in found.findings} >= {"seal"}
    assert not found.evidence
