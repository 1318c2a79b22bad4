import numpy as np

from v2g_bench.life.loop.agenda import agenda
from v2g_bench.life.loop.climate import MINUTES_A_DAY, load_climate
from v2g_bench.life.loop.duty import load_duty, names_in

TEMPERATE = load_climate("temperate")


def test_same_seed_same_year_and_another_seed_another() -> None:
    one, same, other = (agenda(load_duty("commuter"), TEMPERATE, seed, days=14) for seed in (1, 1, 2))
    assert one.tours == same.tours != other.tours
    assert np.array_equal(one.outside_c, same.outside_c)


def test_every_duty_drives_its_energy_and_is_not_plugged_in_meanwhile() -> None:
    for name in names_in("duties"):
        duty = load_duty(name)
        year = agenda(duty, TEMPERATE, 1, days=70)
        driven_kwh = year.drive_w.sum() / 60_000.0
        assert np.isclose(driven_kwh, sum(tour.kwh for tour in year.tours)), name
        assert not (year.plugged & year.away).any(), name
        assert (year.drive_w[~year.away] == 0).all(), name
        assert all(a.back <= b.leave for a, b in zip(year.tours, year.tours[1:], strict=False)), name


def test_commuter_drives_what_the_statistics_say() -> None:
    year = agenda(load_duty("commuter"), TEMPERATE, 1)
    assert (
        1950 <= sum(tour.kwh for tour in year.tours) <= 2450
    )  # 2105 kWh a year of 34 km, with the mean of a lognormal
    van = agenda(load_duty("delivery-van"), TEMPERATE, 1)
    assert {tour.leave // MINUTES_A_DAY % 7 for tour in van.tours} == {0, 1, 2, 3, 4, 5}


def test_grid_asks_in_its_hours_alone() -> None:
    year = agenda(load_duty("peak-shaving"), TEMPERATE, 1, days=3)
    hour = np.arange(year.minutes) % MINUTES_A_DAY / 60.0
    asked = ((hour >= 11) & (hour < 14)) | ((hour >= 17) & (hour < 22))
    assert np.array_equal(year.wish_w, np.where(asked, -5500.0, 0.0))
    droop = agenda(load_duty("frequency-regulation"), TEMPERATE, 1, days=3).wish_w
    assert droop.min() < 0 < droop.max()
    assert 0.2 < (droop == 0).mean() < 0.6, "the dead band"
