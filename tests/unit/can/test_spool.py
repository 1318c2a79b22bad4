import numpy as np
import pytest

from v2g_bench.can.spool import Disk, Spool

ROW = np.dtype([("stamp_s", "<f8"), ("data", "u1", (3,))])


def rows(first, count):
    made = np.zeros(count, ROW)
    made["stamp_s"] = np.arange(first, first + count)
    made["data"] = (np.arange(first, first + count) % 256)[:, None]
    return made


@pytest.mark.parametrize("count", [1, 4, 5, 1000])
def test_rows_come_back_in_order_in_parts_whoever_else_uses_the_disk(tmp_path, count):
    with Disk(tmp_path) as disk:
        one, other = Spool(disk, ROW), Spool(disk, np.dtype("<u4"))
        for first in range(0, 40, 4):
            one.add(rows(first, 4))
            other.add(np.arange(3))
            one.add(rows(0, 0))
        for _ in range(2):
            parts = [part.copy() for part in one.parts(count)]
            assert np.array_equal(np.concatenate(parts), rows(0, 40))
            assert all(len(part) >= count for part in parts[:-1])
            assert max(map(len, parts)) < count + 4
        assert sum(map(len, other.parts(7))) == 30
        one.add(rows(40, 1))
        assert sum(map(len, one.parts(10))) == 41
        assert list(Spool(disk, ROW).parts(1)) == []
    assert list(tmp_path.iterdir()) == []
