"""The packets between a node and the hub of the userland bus: one SEQPACKET packet each, little-endian.

    node -> hub   HELLO (magic, options, the node's name if it has one), then frames: id, flags, dlc, data
    hub -> node   WELCOME (magic, sequence number so far), then frames: sequence number, stamp in ns of CLOCK_REALTIME,
                  frames lost for this node so far, id, flags, dlc, data; LAST: in place of data, why it is hung up on

`dlc` is a length in bytes, as in python-can; a remote frame has a length and no data.
"""

import struct

MAGIC = b"V2G1"
HELLO = struct.Struct("<4sB")
WELCOME = struct.Struct("<4sQ")
UP = struct.Struct("<IBB")
DOWN = struct.Struct("<QqIIBB")
MAX_PACKET = DOWN.size + 64  # also of what LAST says
MAX_CONTROL = 1 << 16

WANTS_ECHO = 0x01
WANTS_CONTROL = 0x02  # no node: a hand on the physics of the bus, where the hub has some (see `wireboard`)

EXTENDED, REMOTE, ERROR, FD, BRS, ESI, ECHO, LAST = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80

# linux/socket.h, the same on all architectures that Python's socket module does not name them for but sparc and parisc
SO_TIMESTAMPNS = 35
TIMESPEC = struct.Struct("@ll")
MAX_PATH_BYTES = 107  # sun_path holds 108 with its final zero
