import socket
import struct

import pytest

from v2g_bench.kernel.mconsole import press_ctrl_alt_del


def test_ctrl_alt_del_is_one_datagram_of_version_2(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as kernel:
        kernel.bind(str(tmp_path / "mconsole"))
        kernel.settimeout(10)
        press_ctrl_alt_del(tmp_path / "mconsole")
        magic, version, length, data = struct.unpack("=III512s", kernel.recv(4096))
    assert (magic, version, length) == (0xCAFEBABE, 2, 3)
    assert data.rstrip(b"\0") == b"cad"


def test_a_kernel_that_is_gone(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        press_ctrl_alt_del(tmp_path / "mconsole")
