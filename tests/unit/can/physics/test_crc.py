import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.can.physics.crc import CRC15, CRC17, CRC21, Crc


@pytest.mark.parametrize(("crc", "check"), [(CRC15, 0x059E), (CRC17, 0x04F03), (CRC21, 0x0ED841)])
def test_the_published_check_values(crc, check):
    """CRC-15/CAN, CRC-17/CAN-FD and CRC-21/CAN-FD over "123456789" from the RevEng catalogue, which starts with 0."""
    assert crc.of_bytes(b"123456789", 0) == check


@pytest.mark.parametrize("crc", [CRC15, CRC17, CRC21], ids=["15", "17", "21"])
@given(bits=st.text("01", max_size=200))
def test_the_table_does_what_polynomial_division_does(crc: Crc, bits):
    register = crc.start
    for bit in bits:
        carry = (register >> (crc.width - 1)) ^ int(bit)
        register = (register << 1) & ((1 << crc.width) - 1)
        register ^= crc.polynomial if carry else 0
    assert crc.of(bits) == register
