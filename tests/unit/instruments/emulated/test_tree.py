import pytest

from v2g_bench.instruments.emulated.syntax import ScpiError
from v2g_bench.instruments.emulated.tree import CommandTree

TREE = CommandTree(
    {
        pattern: pattern
        for pattern in (
            "*IDN?",
            "[SENSe:]VOLTage[:DC]:APERture",
            "[SENSe:]VOLTage[:DC]:RANGe",
            "[SENSe:]VOLTage[:DC]:RANGe:AUTO",
            "INITiate[:IMMediate]",
            "FORMat[:DATA]",
            "FORMat:BORDer",
            "TRIGger:SOURce",
            "TRIGger:SOURce?",
            "NUMeric[:NORMal]:ITEM#",
            "R?",
        )
    }
)


@pytest.mark.parametrize(
    ("header", "pattern"),
    [
        ("*IDN?", "*IDN?"),
        ("*idn?", "*IDN?"),
        ("SENSE:VOLTAGE:DC:APERTURE", "[SENSe:]VOLTage[:DC]:APERture"),
        (":sens:volt:dc:aper", "[SENSe:]VOLTage[:DC]:APERture"),
        ("VOLT:APER", "[SENSe:]VOLTage[:DC]:APERture"),
        ("VOLT:DC:RANG", "[SENSe:]VOLTage[:DC]:RANGe"),
        ("SENS:VOLT:RANG:AUTO", "[SENSe:]VOLTage[:DC]:RANGe:AUTO"),
        ("INIT", "INITiate[:IMMediate]"),
        ("INIT:IMM", "INITiate[:IMMediate]"),
        ("FORM", "FORMat[:DATA]"),
        ("FORM:DATA", "FORMat[:DATA]"),
        ("TRIG:SOUR", "TRIGger:SOURce"),
        ("trigger:source?", "TRIGger:SOURce?"),
        ("R?", "R?"),
    ],
)
def test_long_short_and_optional_forms(header, pattern):
    assert TREE.find(header).target == pattern


@pytest.mark.parametrize(
    "header",
    [
        "VOLTA:APER",
        "VOL:APER",
        "VOLT",
        "VOLT:DC",
        "TRIG",
        "TRIG:SOUR:X",
        "APER",
        "R",
        "*IDN",
        "INIT?",
        "VOLT2:APER",
        ":",
        "IDN?",
    ],
)
def test_anything_else_is_an_undefined_header(header):
    with pytest.raises(ScpiError) as caught:
        TREE.find(header)
    assert caught.value.code == -113


@pytest.mark.parametrize(
    ("header", "suffix"),
    [("NUM:NORM:ITEM3", 3), ("NUM:ITEM", 1), ("num:item255", 255), ("NUM:ITEM" + "9" * 5000, 999999999)],
)
def test_numeric_suffixes(header, suffix):
    assert TREE.find(header).suffixes == (suffix,)


def test_a_header_starts_where_the_one_before_it_stood():
    path = TREE.find("TRIG:SOUR").path
    assert TREE.find("SOUR?", path).target == "TRIGger:SOURce?"
    assert TREE.find(":FORM:BORD", path).target == "FORMat:BORDer"
    with pytest.raises(ScpiError):
        TREE.find("FORM:BORD", path)


def test_the_path_of_a_header_ends_at_its_last_colon():
    assert TREE.find("BORD", TREE.find("FORM:DATA").path).target == "FORMat:BORDer"
    with pytest.raises(ScpiError):
        TREE.find("BORD", TREE.find("FORM").path)


@pytest.mark.parametrize("header", [":", "IDN?", "*", "::"])
def test_separators_alone_are_no_header(header):
    with pytest.raises(ScpiError):
        TREE.find(header)
