"""What the kernel is asked to do: the same bits as the bench's own core writes, or a reason why not."""

import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.faults import BmsSilence, EmiNoise, OverTemperature, SocDivergence, StringVoltageDifference
from v2g_bench.gateway.core import Gateway
from v2g_bench.gateway.frame import frame_of
from v2g_bench.gateway.kernelplan import BeyondTheKernel, ForwardingPlan, changes
from v2g_bench.gateway.rule import Rule


def database(name):
    return BusDatabase.load(dbc_path(name), read_roles(roles_path(name)))


@pytest.fixture(scope="module")
def classic():
    return database("compact_classic")


@pytest.fixture(scope="module")
def fd():
    return database("v2g_bms_fd")


@pytest.fixture
def gateway(classic):
    return Gateway(classic)


def cell(db, max_c=25.0, min_c=24.0):
    return frame_of(db.encode("BATT_CELL", {"cell_temperature_max": max_c, "cell_temperature_min": min_c}, 0))


@pytest.mark.parametrize(
    "rule",
    [
        Rule(write={"cell_temperature_max": 45.5}),
        Rule(invert=("cell_temperature_max",)),
        Rule(write={"cell_temperature_max": 45.5}, invert=("cell_temperature_min",)),
        Rule(write={"pack_voltage": 300.0}),
    ],
)
def test_the_bits_are_those_that_the_bench_writes(classic, gateway, rule):
    gateway.add(rule, 0.0, 0.0)
    wanted, silent = changes(gateway)
    assert not silent
    for frame in (
        cell(classic),
        cell(classic, 80.0, -40.0),
        frame_of(classic.encode("BATT_HV", {"pack_voltage": 350.0}, 0)),
    ):
        (out,) = gateway.from_bms(frame, 1.0)
        change = wanted.get(frame.key)
        assert (change(frame.data) if change else frame.data) == out.data


def test_of_two_rules_the_younger_wins(classic, gateway):
    for value in (60.0, 45.5):
        gateway.add(Rule(write={"cell_temperature_max": value}), 0.0, 0.0)
    frame = cell(classic)
    assert changes(gateway)[0][frame.key](frame.data) == gateway.from_bms(frame, 1.0)[0].data


def test_what_is_pending_changes_nothing_yet(gateway):
    gateway.inject(OverTemperature(cell=17, to_c=45.5), at_s=5.0, now_s=0.0)
    assert changes(gateway) == ({}, False)
    assert changes(gateway, pending=True)[0]
    assert gateway.next_begin_s == 5.0
    gateway.begin(5.0)
    assert changes(gateway)[0]
    assert gateway.next_begin_s == float("inf")


def test_drops_and_silence(classic, gateway):
    plan = ForwardingPlan(classic, "can0", "can1", fd=False)
    all_jobs = {job.uid for job in plan.jobs({}, silent=False)}
    gateway.add(Rule(messages=("BATT_CELL",), drop=True), 0.0, 0.0)
    wanted, _ = changes(gateway)
    key = cell(classic).key
    assert wanted == {key: None}
    left = plan.jobs(wanted, silent=False)
    assert all_jobs - {job.uid for job in left} == {job.uid for job in plan.of_bms[key]}
    gateway.inject(BmsSilence(), 0.0, 0.0)
    assert changes(gateway)[1]
    assert {job.source for job in plan.jobs(wanted, silent=True)} == {"can1"}  # the controller's frames still pass


def test_every_job_has_a_number_of_its_own_and_both_kinds_of_frames_pass_on_an_fd_bus(fd):
    jobs = ForwardingPlan(fd, "can0", "can1", fd=True).jobs({}, silent=False)
    assert len({job.uid for job in jobs}) == len(jobs)
    for source in ("can0", "can1"):
        classic, large = (
            {job.filter for job in jobs if job.source == source and job.fd is kind} for kind in (False, True)
        )
        assert classic == large != set()


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (EmiNoise(loss_pct=10), "by chance"),
        (OverTemperature(cell=1, to_c=45.5, ramp_k_per_s=5.0), "a ramp"),
        (SocDivergence(by_pct=7.0), r"depends on what the BMS sends \(soc\)"),
    ],
)
def test_what_no_job_can_do(classic, gateway, fault, why):
    gateway.from_bms(cell(classic), 0.0)
    gateway.inject(fault, 1.0, 1.0)
    with pytest.raises(BeyondTheKernel, match=why):
        changes(gateway)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (Rule(messages=("BMS_Safety",), delay_ms=1.0), "delays"),
        (Rule(messages=("BMS_Safety",), repeats=1), "repeats"),
        (Rule(messages=("BMS_Safety",), counter="frozen"), "count"),
        (Rule(write={"cell_temperature_max": 45.5}), "protected end to end: can-gw cannot compute that CRC"),
    ],
)
def test_rules_that_no_job_can_follow(fd, rule, why):
    gateway = Gateway(fd)
    number = gateway.add(rule, 0.0, 0.0)
    with pytest.raises(BeyondTheKernel, match=why):
        changes(gateway)
    gateway.clear(number)
    gateway.add(Rule(write={"cell_temperature_max": 45.5}, crc="stale"), 0.0, 0.0)
    assert len(changes(gateway)[0]) == 1


def test_a_step_of_a_plain_fault_needs_nothing_of_the_bms(gateway):
    gateway.inject(StringVoltageDifference(to_mv=320), 0.0, 0.0)
    assert changes(gateway)[0]
