import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.ems.model.bus_plan import plan_bus
from v2g_bench.errors import BenchError

ROLES = read_roles(roles_path("v2g_bms_fd"))


def test_plan_of_the_fd_database() -> None:
    plan = plan_bus(BusDatabase.load(dbc_path("v2g_bms_fd"), ROLES), 0.1)
    assert plan.watched["BMS_Safety"] == 0.1
    assert plan.watched["BMS_Heartbeat"] == 0.1, "a protected message without roles is a heartbeat"
    assert plan.watched["BMS_Limits"] == pytest.approx(1.0)
    assert "BMS_Health" not in plan.watched
    assert plan.expected["BMS_Safety"] == 0.01
    assert plan.sent == {"EMS_Command": 0.01, "EMS_Status": 0.1}
    assert plan.command == "EMS_Command"
    assert "BMS_CellVoltages1" in plan.unprotected
    assert "BMS_Safety" not in plan.unprotected
    assert "contactor_request" in plan.roles_sent["EMS_Command"]


def test_missing_roles_are_named() -> None:
    roles = {role: signal for role, signal in ROLES.items() if role not in ("soc", "pack_current")}
    with pytest.raises(BenchError, match="soc, pack_current"):
        plan_bus(BusDatabase.load(dbc_path("v2g_bms_fd"), roles), 0.1)


def test_database_without_protection_is_taken_as_it_is() -> None:
    name = "compact_classic"
    plan = plan_bus(BusDatabase.load(dbc_path(name), read_roles(roles_path(name))), 0.1)
    assert plan.unprotected == frozenset()
    assert plan.watched
