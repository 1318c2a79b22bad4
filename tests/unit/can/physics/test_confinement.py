from v2g_bench.can.physics.confinement import Confinement


def after(transmit_errors=0, receive_errors=0):
    counters = Confinement()
    for _ in range(transmit_errors):
        counters.transmit_error()
    for _ in range(receive_errors):
        counters.receive_error()
    return counters


def test_sixteen_transmit_errors_make_it_passive_and_thirty_two_put_it_off():
    assert (after(15).tec, after(15).state) == (120, "active")
    assert (after(16).tec, after(16).state) == (128, "passive")
    assert (after(31).tec, after(31).state) == (248, "passive")
    assert (after(32).tec, after(32).state) == (256, "off")


def test_receive_errors_make_it_passive_and_never_put_it_off():
    assert after(0, 127).state == "active"
    assert after(0, 128).state == "passive"
    assert after(0, 5000).state == "passive"


def test_good_frames_bring_the_counters_down_and_no_further_than_zero():
    counters = after(16)
    counters.transmitted()
    assert (counters.tec, counters.state) == (127, "active")
    counters = after(0, 200)
    counters.received()
    assert (counters.rec, counters.state) == (127, "active")
    fresh = Confinement()
    fresh.received()
    fresh.transmitted()
    assert (fresh.tec, fresh.rec) == (0, 0)


def test_it_comes_back_after_128_times_11_recessive_bits_and_not_before():
    counters = after(32)
    assert not counters.on_recessive(127)
    assert counters.state == "off"
    assert counters.on_recessive(1)
    assert (counters.tec, counters.rec, counters.state, counters.restarts) == (0, 0, "active", 1)


def test_a_node_that_is_not_off_has_nothing_to_recover_from():
    assert not after(16).on_recessive(10_000)
    assert after(16).tec == 128
