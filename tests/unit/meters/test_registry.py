import pytest

from v2g_bench.errors import BenchError
from v2g_bench.meters import DRIVERS, open_meter
from v2g_bench.meters.emulated import EMULATED, emulate


def test_every_driver_has_an_emulated_instrument():
    assert set(DRIVERS) == set(EMULATED) == {"keysight-34465a", "yokogawa-wt300e", "fluke-8846a"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: open_meter("keysight-34456a", "X", where="rig.toml: meters.dc"),
            ["rig.toml: meters.dc", "keysight-34465a"],
        ),
        (lambda: open_meter("tektronix", "X"), ["tektronix", "fluke-8846a"]),
        (lambda: open_meter("fluke-8846a", "X", ratio=2), ["'ratio'", "current_ratio"]),
        (lambda: open_meter("keysight-34465a", "X"), ["'shunt_ohm' is missing"]),
        (lambda: emulate("fluke-8846b"), ["fluke-8846a"]),
        (lambda: emulate("fluke-8846a", probe=None), ["'clock' is missing"]),
    ],
)
def test_a_wrong_name_or_option_is_named_with_the_right_ones(call, words):
    with pytest.raises(BenchError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
