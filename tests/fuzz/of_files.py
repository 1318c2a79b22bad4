"""What people write for the bench or for the controller, and what the bench keeps for itself: one file, one reader."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from engine import Target
from mutation import mutated_json

from v2g_bench.campaign.plan import CampaignPlan, campaign_path, parse_campaign
from v2g_bench.campaign.scenario import read_scenario
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import parse_roles, read_roles
from v2g_bench.ems.model.config import load_config
from v2g_bench.ems.model.limits import load_limits
from v2g_bench.ems.model.schedule import parse_time
from v2g_bench.ems.model.thermal_policy import load_policy
from v2g_bench.ems.service.override_trail import chained, head_path, verify_file
from v2g_bench.ems.service.state_file import load_state, save_state
from v2g_bench.fixtures.job import read_job
from v2g_bench.fixtures.requirements import read_requirement
from v2g_bench.fixtures.sources import read_sources
from v2g_bench.instruments.trigger_timing import MeasuredTiming, read_timing
from v2g_bench.inverter.vendor import read_vendor_map
from v2g_bench.life.audit import Pack, series_of
from v2g_bench.life.loop.climate import load_climate
from v2g_bench.life.loop.duty import load_duty
from v2g_bench.life.loop.frequency import recorded_mhz
from v2g_bench.life.recording.clean import recording
from v2g_bench.life.recording.table import read_csv
from v2g_bench.metrology import calibration
from v2g_bench.pack.ageing.stress import stress_of
from v2g_bench.plant.settings import read_settings
from v2g_bench.qualification.result import QualificationResult
from v2g_bench.qualification.result import read as read_qualification
from v2g_bench.qualification.score import Outcome, score
from v2g_bench.reports.sign.laboratory import laboratory
from v2g_bench.rig.dut.told import told
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.file.profile import profile_of

ROOT = Path(__file__).parents[2]
DBC = Path(str(files("v2g_bench.dbc")))
ROLES = read_roles(DBC / "v2g_bms_fd.roles.toml")
JOB = b'laboratory = "Example"\ncustomer = "C"\norder = "2026-0815"\nitem_received = 2026-11-20\ndeviations = ["x", "y"]\n'
SCENARIO = (
    b'name = "s-17"\nseed = 17\nsoc_pct = 50.0\ntemperature_c = 25.0\npower_w = -3000.0\nclear_s = 0.2\nend_s = 0.26\n\n'
    b'[[faults]]\nkind = "over_temperature"\ncell = 17\nto_c = 45.5\nat_s = 0.013\n'
)
CALIBRATION = (
    b'maker = "K"\nmodel = "34465A"\nserial = "M"\ncertificate = "D"\nlaboratory = "L"\ncalibrated = 2026-03-01\n'
    b'due = 2027-03-01\n[[range]]\nquantity = "dc_voltage"\nunit = "V"\nlow = -0.1\nhigh = 0.1\n'
    b"relative_expanded = 3.5e-5\nabsolute_expanded = 3.5e-6\nk = 2.0\n[timing]\ntrigger_latency_s = 4.0e-6\n"
    b"trigger_expanded_s = 1.0e-6\ntime_base_rel_expanded = 2.5e-5\nk = 2.0\n"
)
EMS = (
    b'[bus]\ninterface = "socketcan"\nchannel = "can0"\n[bms]\ndbc = "bus.dbc"\n[bms.roles]\ncell_temperature_max = "A.b"\n'
    b'[inverter]\nhost = "10.0.0.1"\nport = 502\n[files]\nlimits = "limits.conf"\nlog_keep = 3\n'
    b'[control]\nsocket = "ems.sock"\n[thresholds]\ntrip_temperature_c = 44.0\nbms_timeout_s = 0.1\n'
)
PLANT = b'{"control": "c.sock", "seed": 1, "plant": {"rated_power_w": 11000}, "meters": {}, "truth": null}'
FREQUENCY = b"hz,time\n50.01,0\nnan,1\n49.98,2\n,3\n50.0,4\n50.02,5\n"
RECORDING = (
    b"# logger\nutc,SoC [%],temperature_c,PackCurrent_A,outside_temp,odometer_km\n2026-05-01T10:00:00Z,50,20,15.6,9,1000\n"
    b"2026-05-01T11:00:00Z,60,,-15.6,9,1000\n2026-05-01T12:00:00Z,50,21,nan,9,1030\n2026-05-01T13:00:00Z,70.5,21,31,9,1030\n"
    b"2026-05-02T13:00:00Z,,21,31,9,1030\n2026-05-03T13:00:00Z,20,21,31,9,1030\n"
)
LABORATORY = (
    b'[[key]]\nname = "Bench 3"\nfingerprint = "SHA256:' + b"a1" * 32 + b'"\nsince = 2026-01-01\nuntil = 2027-12-31\n'
)
JUDGED = ((20.0, "PASS"), (70.0, "FAIL"))
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def _of(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    """Fed through a file of that name."""

    def take(data: bytes, folder: Path) -> object:
        path = folder / name
        path.write_bytes(data)
        return read(path)

    return take


def _all(*patterns: str) -> Callable[[Path], list[bytes]]:
    return lambda _: [path.read_bytes() for pattern in patterns for path in sorted(ROOT.glob(pattern))]


def _just(*seeds: bytes) -> Callable[[Path], list[bytes]]:
    return lambda _: list(seeds)


def _rig(path: Path) -> None:
    profile_of(load_rig(str(path)))


def _profile(path: Path) -> None:
    rig = path.with_name("rig.toml")
    rig.write_text(f'profile = "{path.name}"\n' + (ROOT / "rigs/sim.toml").read_text("utf-8"), "utf-8")
    profile_of(load_rig(str(rig)))


def _campaign(path: Path) -> None:
    campaign = parse_campaign(path.read_bytes().decode("utf-8", "replace"), str(path))
    CampaignPlan(campaign, trials=20).scenario(0)


def _trail(path: Path) -> None:
    head_path(path).write_bytes(path.read_bytes())
    verify_file(path)


def _trail_seeds(_: Path) -> list[bytes]:
    line = chained({"at": "2026-11-30T12:00:00+00:00", "cmd": "reset-trip"}, 1, "0" * 64)
    return [line.encode() + b"\n", b'{"n": 3, "hash": "ab"}']


def _state_seeds(folder: Path) -> list[bytes]:
    latches = {"trip": {"reason": "45 °C"}, "run": {"starts": 3, "crashes": 0}, "plans": {"window": ["22:00", "06:00"]}}
    save_state(folder / "state.json", latches)
    return [(folder / "state.json").read_bytes()]


def _timing_seeds(folder: Path) -> list[bytes]:
    known = {"maker": "K", "model": "34465A", "serial": "MY1", "rig": "bench", "measured": NOW, "pulses": 100}
    MeasuredTiming(**known, offset_s=1e-6, sd_s=1e-7, expanded_s=1e-6).save(folder / "timing.toml")
    return [(folder / "timing.toml").read_bytes()]


def _qualification_seeds(folder: Path) -> list[bytes]:
    outcomes = [Outcome(delay_ms=ms, measured_ms=ms, expanded_ms=0.2, verdict=one, true_ms=ms) for ms, one in JUDGED]
    names = {"rig": "bench", "rig_sha256": "a1" * 32, "date": NOW.isoformat(), "stamps": "kernel", "truth": "a mark"}
    known = names | {"duration_s": 1.0, "seed": 1, "bench": {"version": "1"}, "floor": ("0.1 ms",)}
    result = QualificationResult.of(score(outcomes, 2), **known, outcomes=tuple(outcomes))
    return [result.save(folder).read_bytes()]


def _told(data: bytes, _: Path) -> None:
    told(data.decode("utf-8", "replace"), "bms.soc_pct")


def _schedule(data: bytes, _: Path) -> None:
    parse_time(data.decode("utf-8", "replace"), NOW)


def _laboratory(path: Path) -> None:
    laboratory(path, path.parent / "run")


def _recording(path: Path) -> None:
    record = recording(read_csv(path), {})
    stress_of(series_of(record, Pack("NMC", 57.6)))


def targets() -> Iterable[Target]:
    """Each file that comes from outside."""
    yield Target("rig", _of("rig.toml", _rig), _all("rigs/*.toml"))
    yield Target(
        "profile", _of("own.toml", _profile), _all("rigs/profiles/hardware.toml", "rigs/profiles/emulated.toml")
    )
    yield Target(
        "roles",
        _of("r.toml", lambda path: BusDatabase.load(DBC / "v2g_bms_fd.dbc", read_roles(path))),
        lambda _: [(DBC / "v2g_bms_fd.roles.toml").read_bytes()],
    )
    yield Target("role_table", _of("r.toml", lambda path: parse_roles(read_roles(path))), _all("dbc/*.roles.toml"))
    yield Target("dbc", _of("bus.dbc", lambda path: BusDatabase.load(path, ROLES)), _all("dbc/v2g_bms_fd.dbc"))
    yield Target("duty", _of("d.toml", lambda path: load_duty(str(path))), _all("bench/life/duties/*.toml"))
    yield Target("climate", _of("c.toml", lambda path: load_climate(str(path))), _all("bench/life/climates/*.toml"))
    yield Target("frequency", _of("f.csv", lambda path: recorded_mhz(path, "hz", per_minute=2)), _just(FREQUENCY))
    yield Target("recording", _of("r.csv", _recording), _just(RECORDING, RECORDING.replace(b",", b";")))
    yield Target("vendor", _of("map.toml", read_vendor_map), _all("rigs/registers/*.toml"))
    limits = (b"MIN_SOC=25\nMAX_SOC=75\n", b"\xef\xbb\xbf# x\r\nMIN_SOC=25%\r\nMAX_SOC = 75 # y\r\n")
    yield Target("limits", _of("limits.conf", load_limits), _just(*limits))
    policies = (b'{"ACTIVE_COOLING_TRIGGER": "32C"}', b'{"ACTIVE_COOLING_TRIGGER": 32.5}')
    yield Target("thermal", _of("policy.json", load_policy), _just(*policies))
    yield Target("ems", _of("ems.toml", load_config), _just(EMS))
    yield Target("state", _of("state.json", load_state), _state_seeds, mutated_json)
    yield Target("trail", _of("audit.jsonl", _trail), _trail_seeds)
    yield Target("requirement", _of("R-01.md", read_requirement), _all("tests/conformance/safety/requirements/*.md"))
    yield Target(
        "sources", _of("sources.toml", lambda path: read_sources(path.parent)), _all("tests/conformance/*.toml")
    )
    yield Target("job", _of("job.toml", lambda path: read_job(str(path))), _just(JOB))
    yield Target("scenario", _of("s.toml", read_scenario), _just(SCENARIO))
    yield Target("campaign", _of("c.toml", _campaign), lambda _: [campaign_path("shutdown").read_bytes()])
    yield Target(
        "calibration",
        _of("c.toml", lambda path: calibration.load(path).component("dc_voltage", 0.05)),
        _just(CALIBRATION),
    )
    yield Target("timing", _of("t.toml", read_timing), _timing_seeds)
    yield Target("laboratory", _of("keys.toml", _laboratory), _just(LABORATORY))
    yield Target("plant", _of("plant.json", read_settings), _just(PLANT), mutated_json)
    yield Target("qualification", _of("q.json", read_qualification), _qualification_seeds, mutated_json)
    answers = (b'{"bms": {"soc_pct": 50.5}, "trip_latched":true}', b'{"bms": {"soc_pct": "51.5"}}')
    yield Target("told", _told, _just(*answers))
    yield Target(
        "schedule", _schedule, _just(b"06:30", b"2026-12-01T06:30", b"2026-12-01T06:30:00+14:00"), errors=(ValueError,)
    )
