"""A text that is put together from parts is the text of the whole."""

import json

import pytest

from v2g_bench.reports.model.text import joined_list, joined_object, text_of

VALUES = [None, 1.5, "a\nb\x00 °", [], {}, [1, [2, {"a": []}]], {"a": {"b": [1, {"c": "\n"}]}, "°": 0.1}]


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("values", [VALUES[:1], VALUES, []])
def test_parts_are_the_whole(values, ascii_only):
    whole = {"first": values, "second": {str(place): value for place, value in enumerate(values)}}
    listed = joined_list([text_of(value, 2, ascii_only=ascii_only) for value in values], 1)
    named = joined_object({str(n): text_of(value, 2, ascii_only=ascii_only) for n, value in enumerate(values)}, 1)
    found = joined_object({"first": listed, "second": named}, 0)
    assert found == json.dumps(whole, indent=1, ensure_ascii=ascii_only)


def test_no_number_that_json_lacks():
    with pytest.raises(ValueError, match="not JSON compliant"):
        text_of(float("nan"), 0, ascii_only=True)
