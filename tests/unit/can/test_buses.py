import can
import pytest

from v2g_bench.can.buses import open_bus, socketcan_problem
from v2g_bench.errors import BenchError


@pytest.fixture
def sys_net(tmp_path):
    """A /sys/class/net with loopback and what the test adds."""

    def add(name, kind=280, flags=0x1, mtu=72):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "type").write_text(f"{kind}\n")
        (folder / "flags").write_text(f"{flags:#x}\n")
        (folder / "mtu").write_text(f"{mtu}\n")
        return tmp_path

    add("lo", kind=772)
    return add


def test_a_good_interface_has_no_problem(sys_net):
    assert socketcan_problem("can0", sys_net=sys_net("can0"), has_can=True) is None


@pytest.mark.parametrize(
    ("channel", "link", "fd", "problem"),
    [
        (
            "can1",
            {},
            True,
            "there is no interface can1 (CAN interfaces here: can0)\n"
            "is the adapter plugged in? then: sudo ip link set can1 up type can bitrate 500000 dbitrate 2000000 fd on",
        ),
        (
            "vcan0",
            {},
            True,
            "there is no interface vcan0 (CAN interfaces here: can0)\n"
            "sudo modprobe vcan && sudo ip link add dev vcan0 type vcan && sudo ip link set vcan0 mtu 72 up",
        ),
        ("lo", {}, True, "lo is not a CAN interface\nCAN interfaces here: can0"),
        (
            "can0",
            {"flags": 0x80},
            True,
            "can0 is down\nsudo ip link set can0 up type can bitrate 500000 dbitrate 2000000 fd on",
        ),
        ("can0", {"flags": 0x80}, False, "can0 is down\nsudo ip link set can0 up type can bitrate 500000"),
        (
            "can0",
            {"mtu": 16},
            True,
            "can0 does not carry CAN FD (mtu 16)\n"
            "sudo ip link set can0 down && sudo ip link set can0 up type can bitrate 500000 dbitrate 2000000 fd on",
        ),
        (
            "can0",
            {"mtu": 16, "flags": 0x80},
            True,
            "can0 does not carry CAN FD (mtu 16)\n"
            "sudo ip link set can0 up type can bitrate 500000 dbitrate 2000000 fd on",
        ),
        ("can0", {"mtu": 16}, False, None),
    ],
)
def test_what_is_wrong_and_how_to_mend_it(sys_net, channel, link, fd, problem):
    assert socketcan_problem(channel, fd=fd, sys_net=sys_net("can0", **link), has_can=True) == problem


def test_a_classic_virtual_interface(sys_net):
    text = socketcan_problem("vcan0", sys_net=sys_net("vcan0", mtu=16), has_can=True)
    assert text.endswith("sudo ip link set vcan0 down && sudo ip link set vcan0 mtu 72 up")


def test_a_kernel_without_can(sys_net):
    text = socketcan_problem("can0", sys_net=sys_net("can0"), has_can=False)
    assert text.startswith("this kernel has no CAN sockets (AF_CAN)\nsudo modprobe can-raw")


@pytest.mark.parametrize("channel", ["", "../lo"])
def test_no_path_is_an_interface(sys_net, channel):
    assert "there is no interface" in socketcan_problem(channel, sys_net=sys_net("can0"), has_can=True)


def test_open_socketcan_says_the_problem(monkeypatch):
    monkeypatch.setattr("v2g_bench.can.buses.kernel_has_can", lambda: False)
    with pytest.raises(BenchError) as caught:
        open_bus("socketcan", "can0")
    assert str(caught.value).startswith("socketcan:can0: this kernel has no CAN sockets (AF_CAN)\n  sudo modprobe")


def test_open_virtual():
    with open_bus("virtual", "unit") as a, open_bus("virtual", "unit", own_echo=False) as b:
        b.send(can.Message(arbitration_id=1, is_fd=True, data=bytes(64)))
        assert a.recv(5).dlc == 64
        assert b.recv(0) is None
        a.send(can.Message(arbitration_id=2))
        echo = a.recv(5)
        assert (echo.arbitration_id, echo.is_rx) == (2, False)


def test_open_without_a_hub(tmp_path):
    with pytest.raises(BenchError, match=r"no CAN hub is here") as caught:
        open_bus("v2g_userland", str(tmp_path / "none"))
    assert "python -m v2g_bench.can.hub" in str(caught.value)


def test_an_unknown_interface():
    with pytest.raises(BenchError, match="nonsense:x: the bus cannot be opened"):
        open_bus("nonsense", "x")
