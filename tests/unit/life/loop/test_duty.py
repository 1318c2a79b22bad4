import pytest

from v2g_bench.errors import BenchError
from v2g_bench.life.loop.climate import load_climate
from v2g_bench.life.loop.duty import load_duty, names_in

COMMUTER = {"commuter", "delivery-van", "long-parked", "car-share", "frequency-regulation", "peak-shaving"}


def test_the_duties_and_climates_that_the_bench_brings_are_sound() -> None:
    assert set(names_in("duties")) == COMMUTER
    assert set(names_in("climates")) == {"cold", "temperate", "hot"}
    assert all(load_duty(name).source for name in names_in("duties"))
    assert all(load_climate(name).source for name in names_in("climates"))


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(BenchError, match="known: car-share, commuter"):
        load_duty("comuter")


def test_bad_file_names_key_and_value(tmp_path) -> None:
    text = (tmp_path / "x.toml").write_text
    text('title = "x"\nsource = "y"\n')
    with pytest.raises(BenchError, match=r"x.toml: driving: is missing"):
        load_duty(str(tmp_path / "x.toml"))


def test_hours_that_run_over_midnight_are_refused(tmp_path) -> None:
    own = tmp_path / "own.toml"
    from v2g_bench.life.loop.duty import data_file

    own.write_text(data_file("commuter", "duties").read_text().replace("[[18.0, 22.0]]", "[[22.0, 2.0]]"))
    with pytest.raises(BenchError, match="22 to 2 h does not run forwards"):
        load_duty(str(own))


def test_a_tour_that_lasts_longer_than_its_day_is_refused(tmp_path) -> None:
    own = tmp_path / "own.toml"
    from v2g_bench.life.loop.duty import data_file

    own.write_text(data_file("commuter", "duties").read_text().replace("longest_km = 150.0", "longest_km = 1500.0"))
    with pytest.raises(BenchError, match="longest_km takes 42.9 h at speed_km_h"):
        load_duty(str(own))
