import socket
import threading

import pytest

from v2g_bench.instruments.emulated.fluke_8846a import Fluke8846A
from v2g_bench.instruments.emulated.host import HostThread, hislip_resource, socket_resource


def port_of(resource):
    return int(resource.split("::")[2].split(",")[-1])


def test_resources():
    assert hislip_resource("127.0.0.1", 5) == "TCPIP::127.0.0.1::hislip0,5::INSTR"
    assert socket_resource("127.0.0.1", 5) == "TCPIP::127.0.0.1::5::SOCKET"


def test_a_host_thread_leaves_no_port_and_no_thread_behind(probe, clock):
    with HostThread() as hosts:
        meter = Fluke8846A(probe, clock)
        ports = [port_of(hosts.socket(meter)), port_of(hosts.hislip(meter))]
        for port in ports:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
    assert not any(thread.name == "instrument-hosts" for thread in threading.enumerate())
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
