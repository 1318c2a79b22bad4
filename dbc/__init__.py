"""CAN databases that ship with the bench, each with the table of the roles that its signals play.

- `v2g_bms_fd`: a CAN FD battery with end-to-end protection (AUTOSAR profile 5).
- `compact_classic`: a classic CAN battery of another maker: Motorola byte order, other names, units and signs.
"""

from pathlib import Path

FOLDER = Path(__file__).parent


def dbc_path(name: str) -> Path:
    """The database file of that name, e.g. "v2g_bms_fd"."""
    return FOLDER / f"{name}.dbc"


def roles_path(name: str) -> Path:
    """The [roles] table (TOML) beside the database of that name."""
    return FOLDER / f"{name}.roles.toml"
