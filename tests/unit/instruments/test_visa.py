import pytest

from v2g_bench.clock import RealClock
from v2g_bench.instruments.visa import VisaLink, shared_manager


def test_there_is_one_manager():
    assert shared_manager("@py") is shared_manager("@py")


@pytest.mark.parametrize(
    "resource", ["no such thing", "TCPIP::127.0.0.1::1::SOCKET", "TCPIP::127.0.0.1::hislip0,1::INSTR"]
)
def test_what_cannot_be_opened_says_why(resource):
    assert VisaLink(resource, "@py", RealClock()).open(2.0)


def test_a_link_that_is_not_open_says_so_and_has_nothing_to_clear():
    link = VisaLink("TCPIP::127.0.0.1::1::SOCKET", "@py", RealClock())
    with pytest.raises(ConnectionError, match="not connected"):
        link.write(b"*CLS\n", 1.0)
    assert link.surplus() == ""
    link.clear(1.0)
    link.drop()
    link.close()
