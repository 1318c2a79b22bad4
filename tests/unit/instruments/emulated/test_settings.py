import pytest

from v2g_bench.instruments.emulated.scpi import Choice, Instrument, Integer, Number, Switch
from v2g_bench.instruments.emulated.settings import Stepped


class Box(Instrument):
    level = Number("LEVel", 0.5, 10, 1, "V")
    count = Integer("COUNt", 1, 1000, 5)
    source = Choice("SOURce", ("IMMediate", "EXTernal"), "IMM")
    lamp = Switch("LAMP", False)
    span = Stepped("RANGe", (0.1, 1.0, 10.0), 10.0, "V")


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("LEV?", "+1.00000000E+00"),
        ("LEV 2500mV;LEV?", "+2.50000000E+00"),
        ("LEV MAX;LEV?", "+1.00000000E+01"),
        ("LEV MIN;LEV?", "+5.00000000E-01"),
        ("LEV 3;LEV DEF;LEV?", "+1.00000000E+00"),
        ("LEV? MAX", "+1.00000000E+01"),
        ("COUN 7.6;COUN?", "+8"),
        ("COUN? MAXIMUM", "+1000"),
        ("SOUR EXTERNAL;SOUR?", "EXT"),
        ("sour ext;*RST;sour?", "IMM"),
        ("LAMP ON;LAMP?", "1"),
        ("LAMP 1;LAMP OFF;LAMP?", "0"),
        ("RANG 0.05;RANG?", "+1.00000000E-01"),
        ("RANG 0.1;RANG?", "+1.00000000E-01"),
        ("RANG 1.1;RANG?", "+1.00000000E+01"),
    ],
)
def test_a_setting_is_set_and_asked_for(ask, errors, message, answer):
    box = Box()
    assert ask(box, message) == answer
    assert errors(box) == []


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("LEV 11", -222),
        ("LEV 0.4", -222),
        ("LEV", -109),
        ("LEV 1,2", -108),
        ("LEV 1A", -131),
        ("LEV ON", -104),
        ("LEV? 5", -108),
        ("SOUR BUS", -224),
        ("SOUR #", -141),
        ("SOUR? EXT", -108),
        ("LAMP ?", -104),
        ("LAMP? 1", -108),
        ("RANG 11", -222),
    ],
)
def test_a_wrong_parameter_changes_nothing_and_is_in_the_error_queue(ask, errors, message, code):
    box = Box()
    before = dict(box.values)
    assert ask(box, message) is None
    assert errors(box) == [code]
    assert box.values == before


def test_two_instruments_do_not_share_values(ask):
    one, other = Box(), Box()
    ask(one, "LEV 3")
    assert (one.level, other.level) == (3.0, 1.0)
