"""The values that the BMS itself sends now, for faults that are relative to them."""

from collections.abc import Iterator, Mapping

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import check


class Live(Mapping[str, float]):
    """The roles as the BMS sent them last, decoded on request; damaged frames are ignored."""

    def __init__(self, db: BusDatabase) -> None:
        self._db = db
        self._place = {role: (db.message_of(role), db.codec(role)) for role in db.roles}
        self.received: dict[tuple[int, bool], bytes] = {}

    def __getitem__(self, role: str) -> float:
        spec, codec = self._place[role]
        data = self.received[spec.key]
        if len(data) < spec.length or (spec.e2e is not None and not check(data[: spec.length], spec.e2e.data_id)):
            raise KeyError(role)
        raw = codec.raw(int.from_bytes(data[: spec.length], "big" if codec.big_endian else "little"))
        if not codec.has_value(raw):
            raise KeyError(role)
        return codec.value(raw)

    def __iter__(self) -> Iterator[str]:
        return (role for role in self._place if self.get(role) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)
