"""Who forwards: what the config asks for, and what this kernel can. With a kernel that can:
tests/integration/inside_kernel/test_kernels_gateway.py.
"""

import pytest

from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError
from v2g_bench.gateway import kernelshell
from v2g_bench.gateway.host import GatewayProcess
from v2g_bench.gateway.kernelshell import KernelShell, shell_of
from v2g_bench.gateway.shell import GatewayShell

ANY_NODE = """VERSION ""
BU_: BMS EMS
BO_ 2566849022 Pack: 8 BMS
 SG_ Soc : 0|8@1+ (0.4,0) [0|100] "%" EMS
BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";
BA_DEF_DEF_ "VFrameFormat" "J1939PG";
"""


@pytest.fixture
def built(monkeypatch):
    """Which shells were built; none opens anything."""
    shells = []
    for kind in (GatewayShell, KernelShell):
        monkeypatch.setattr(kind, "__init__", lambda self, config: shells.append(type(self).__name__))
    return shells


def config(path, interface="socketcan"):
    roles = read_roles(roles_path("v2g_bms_fd"))
    return {"path": path, "bms": {"interface": interface}, "dbc": dbc_path("v2g_bms_fd"), "roles": roles}


@pytest.mark.parametrize(
    ("asked", "problem", "shell", "why"),
    [
        (config("bench"), ("no module", "load it"), "GatewayShell", ""),
        ({}, ("no module", "load it"), "GatewayShell", ""),
        (config("kernel"), None, "KernelShell", ""),
        (config("auto"), None, "KernelShell", ""),
        (config("auto"), ("no module", "load it"), "GatewayShell", "no module: load it"),
        (
            config("auto", "v2g_userland"),
            None,
            "GatewayShell",
            "the kernel forwards between SocketCAN interfaces alone",
        ),
    ],
)
def test_who_forwards(built, monkeypatch, asked, problem, shell, why):
    monkeypatch.setattr(kernelshell.cangw, "problem", lambda: problem)
    _, reported = shell_of(asked)
    assert built == [shell]
    assert reported.startswith(why)
    assert bool(reported) == bool(why)


def test_a_kernel_that_cannot_is_an_error_where_nobody_else_may(built, monkeypatch):
    monkeypatch.setattr(kernelshell.cangw, "problem", lambda: ("no module", "load it"))
    with pytest.raises(BenchError, match="gateway.path: no module\n  load it"):
        shell_of(config("kernel"))
    with pytest.raises(BenchError, match="SocketCAN interfaces alone"):
        shell_of(config("kernel", "v2g_userland"))
    assert built == []


def test_messages_from_any_source_are_forwarded_by_the_bench(built, monkeypatch, tmp_path):
    monkeypatch.setattr(kernelshell.cangw, "problem", lambda: None)
    (tmp_path / "any.dbc").write_text(ANY_NODE)
    asked = config("auto") | {"dbc": tmp_path / "any.dbc", "roles": {"soc": "Pack.Soc"}}
    assert shell_of(asked)[1] == 'any node may send Pack: the bench forwards it: path = "bench"'
    assert built == ["GatewayShell"]


@pytest.mark.parametrize(
    ("path", "ready", "notes"),
    [
        ("bench", {"way": "bench"}, []),
        ("auto", {"way": "kernel"}, ["the kernel's gateway (can-gw) forwards between BMS and controller"]),
        ("auto", {"way": "bench", "why": "no module"}, ['not the kernel (gateway.path = "auto"): no module']),
        ("kernel", {"way": "bench", "why": ""}, ["there is no SocketCAN here"]),
    ],
)
def test_the_report_says_who_forwarded(tmp_path, path, ready, notes):
    gateway = GatewayProcess({}, tmp_path)
    gateway.ready = ready
    reported = gateway.notes(path)
    assert len(reported) == len(notes)
    for note, words in zip(reported, notes, strict=True):
        assert words in note
    assert ("kernel" in gateway.forwarder) == (ready["way"] == "kernel")
