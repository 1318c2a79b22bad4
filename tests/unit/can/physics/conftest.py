"""Buses and frames for the tests of the wire.

For the property tests `st.from_type(WireFrame)`: every format, and data with long runs of equal bits.
"""

from hypothesis import strategies as st

from v2g_bench.can.physics.bus import Wire
from v2g_bench.can.physics.errors import ErrorNotice
from v2g_bench.can.physics.events import Delivered
from v2g_bench.can.physics.frame import FD_LENGTHS, WireFrame
from v2g_bench.can.physics.length import frame_bits
from v2g_bench.can.physics.timing import BitTiming

BIT_S = 2e-6
SAFETY = WireFrame(0x80, bytes(range(24)), fd=True, brs=True)
LONG = WireFrame(0x301, bytes(range(64)), fd=True, brs=True)
DULL = st.sampled_from([0x00, 0xFF, 0x07, 0xF8, 0x0F, 0xF0, 0x1F, 0x83, 0x7C])


def _data(length: int) -> st.SearchStrategy[bytes]:
    dull = st.lists(DULL, min_size=length, max_size=length).map(bytes)
    return st.binary(min_size=length, max_size=length) | dull


@st.composite
def frames(draw: st.DrawFn) -> WireFrame:
    extended, fd = draw(st.booleans()), draw(st.booleans())
    frame_id = draw(st.integers(0, (1 << 29 if extended else 1 << 11) - 1) | st.just(0))
    if fd:
        data = draw(st.sampled_from(FD_LENGTHS).flatmap(_data))
        return WireFrame(frame_id, data, extended, True, draw(st.booleans()), draw(st.booleans()))
    length = draw(st.integers(0, 8))
    if draw(st.booleans()) and draw(st.booleans()):
        return WireFrame(frame_id, b"", extended, remote=True, remote_length=length)
    return WireFrame(frame_id, draw(_data(length)), extended)


st.register_type_strategy(WireFrame, frames())  # in the tests: st.from_type(WireFrame)


def wire(*names, seed=1):
    bus = Wire(BitTiming(), seed)
    return bus, *(bus.join(name) for name in names)


def lasts_s(frame):
    bits = frame_bits(frame)
    return BitTiming().duration_s(bits.nominal, bits.data)


def delivered(events):
    return [event for event in events if isinstance(event, Delivered)]


def reported(events, node, *kinds):
    return [event for event in events if isinstance(event, ErrorNotice) and event.node is node and event.kind in kinds]
