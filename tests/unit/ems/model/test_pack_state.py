import math

from v2g_bench.ems.model.pack_state import PackState


def test_extremes_over_all_sensors() -> None:
    pack = PackState()
    assert pack.gradient_k is None
    pack.update({"cell_temperature_max": 30.0, "cell_temperature_min": 25.0, "cell_voltage_max": 3.8})
    pack.update({"module_temperature[3]": 40.0, "cell_voltage[5]": 3.1})
    assert (pack.hottest_c, pack.coldest_c, pack.gradient_k) == (40.0, 25.0, 15.0)
    assert (pack.cell_v_max, pack.cell_v_min) == (3.8, 3.1)
    pack.update({"module_temperature[3]": 26.0})
    assert pack.hottest_c == 30.0


def test_values_that_are_not_finite_are_left_out() -> None:
    pack = PackState()
    pack.update({"soc": 50.0})
    pack.update({"soc": math.nan, "cell_temperature_max": math.inf})
    assert pack.get("soc") == 50.0
    assert pack.hottest_c is None


def test_flags() -> None:
    pack = PackState()
    assert not pack.flag("over_current")
    pack.update({"over_current": 1.0})
    assert pack.flag("over_current")


def test_old_temperatures_no_longer_count() -> None:
    pack = PackState(expiry_s=2.0)
    pack.update({"module_temperature[1]": 40.0, "soc": 50.0}, 0.0)
    pack.update({"cell_temperature_max": 26.0}, 1.5)
    pack.expire(2.0)
    assert pack.hottest_c == 40.0
    pack.expire(2.5)
    assert pack.hottest_c == 26.0
    pack.expire(9.0)
    assert (pack.hottest_c, pack.gradient_k, pack.get("soc")) == (None, None, 50.0)
