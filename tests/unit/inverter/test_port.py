from v2g_bench.inverter.port import turned


def test_turning_twice_changes_nothing():
    assert turned(-3000.0) == 3000.0
    assert turned(turned(1234.5)) == 1234.5


def test_nothing_stays_a_positive_nothing():
    assert str(turned(0.0)) == "0.0"
