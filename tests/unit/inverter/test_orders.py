"""Which power the inverter was ordered to run at, and when that changed."""

from v2g_bench.inverter.orders import MOST_KEPT, Orders


class Inverter:
    power_w = 0.0


def ordered(*powers_w: float) -> Orders:
    inverter = Inverter()
    orders = Orders(lambda: inverter.power_w)
    for number, power_w in enumerate(powers_w):
        inverter.power_w = power_w
        orders.on_exchange(float(number), "peer", bytes([number % 256]), b"")
    return orders


def test_only_a_change_is_an_order() -> None:
    orders = ordered(0.0, -3000.0, -3000.0, -3000.0, 0.0, 0.0)
    assert [(one.at_s, one.power_w, one.request) for one in orders.since(-1.0)] == [
        (0.0, 0.0, "00"),
        (1.0, -3000.0, "01"),
        (4.0, 0.0, "04"),
    ]


def test_the_order_in_force_comes_first() -> None:
    orders = ordered(0.0, -3000.0, -3000.0, -3000.0, 0.0)
    assert [one.power_w for one in orders.since(3.5)] == [-3000.0, 0.0]
    assert [one.power_w for one in orders.since(9.0)] == [0.0]


def test_nothing_is_made_up() -> None:
    assert ordered().since(0.0) == []


def test_the_oldest_are_forgotten() -> None:
    orders = ordered(*(float(number) for number in range(MOST_KEPT + 10)))
    assert orders.since(-1.0)[0].power_w == 10.0
