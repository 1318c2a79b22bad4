"""What a command's answer tells: by its place in JSON however that is spaced, or by a regular expression."""

import pytest

from v2g_bench.rig.dut.told import affirmed, told


@pytest.mark.parametrize(
    "text", ['{"trip_latched":true}', '{"trip_latched": true}', '{\n "trip_latched" :\ttrue }', '{"trip_latched":1}']
)
def test_json_is_parsed_however_it_is_spaced(text):
    assert told(text, "trip_latched") == 1.0


@pytest.mark.parametrize(
    "text",
    [
        '{"trip_latched":true}\nTemperatur 24 \ufffdC\n',
        'warning: slow\n{"trip_latched": true}',
        '12:00 INFO {"trip_latched": true} (3 ms)',
    ],
)
def test_lines_beside_the_json_do_not_hide_it(text):
    assert told(text, "trip_latched") == 1.0
    assert affirmed(text, "trip_latched") is True


@pytest.mark.parametrize(
    "text",
    [
        '{"trip_latched": true}\n{"trip_latched": false}',
        "} {",
        '{"trip_latched": true',
        "{" * 100_000 + "}" * 100_000,
        "{}",
        '{"trip_latched": null}',
        '{"trip_latched": "?"}',
        '{"bms": {"trip_latched": true}}',
        "trip_latched: no",
        "",
    ],
)
def test_what_is_absent_is_not_no(text):
    assert told(text, "trip_latched") is None


@pytest.mark.parametrize(
    ("text", "key", "yes"),
    [
        ('{"review":true}', "review", True),
        ('{"review": false}', "review", False),
        ('{"other":true}', "review", None),
        ('{"review":true}', '"review": true', True),
        ('{"review":false}', '"review": true', False),
        ("a review is due", r"review is (due|needed)", True),
        ("a review is due", "review", True),
    ],
)
def test_whether_something_is_asked_for(text, key, yes):
    assert affirmed(text, key) is yes
