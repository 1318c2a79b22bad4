"""The events of a bus: frames that were complete, and errors."""

from typing import NamedTuple

from v2g_bench.can.physics.errors import ErrorNotice
from v2g_bench.can.physics.frame import WireFrame
from v2g_bench.can.physics.node import Node


class Delivered(NamedTuple):
    """A frame was complete. token: what its sender gave with it; others: receivers that saw something else (another
    frame that passed their checks, or None: they have not got it). All other nodes that take part have it.
    again: its sender has not seen it through and will repeat it.
    """

    at_s: float
    sender: Node
    frame: WireFrame
    token: object
    others: dict[Node, WireFrame | None]
    repeated: bool = False


Event = Delivered | ErrorNotice
