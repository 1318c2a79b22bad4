from v2g_bench.inverter.codes import named


def test_a_known_code_is_named_and_an_unknown_one_is_not_invented():
    assert named(2) == "exception 2 (illegal data address)"
    assert named(0x77) == "exception 119"
