"""results.json as text, put together from parts: a test that is over is made into JSON once, and not after each other test.

What comes out is what `json.dumps(..., indent=1)` makes of the whole.

>>> print(joined_object({"a": "1", "b": joined_list(["2", "3"], 1)}, 0) == json.dumps({"a": 1, "b": [2, 3]}, indent=1))
True
"""

import json
from collections.abc import Mapping, Sequence


def text_of(value: object, depth: int, *, ascii_only: bool) -> str:
    """The JSON text of plain data that stands this deep in the whole. ValueError for a float that JSON cannot carry."""
    text = json.dumps(value, indent=1, ensure_ascii=ascii_only, allow_nan=False)
    return text.replace("\n", "\n" + " " * depth)  # a line break inside a string is escaped


def joined_list(texts: Sequence[str], depth: int) -> str:
    """A list of these, where the list stands this deep and each of them one deeper."""
    return _joined("[", "]", texts, depth)


def joined_object(texts: Mapping[str, str], depth: int) -> str:
    """An object of these, where the object stands this deep and each value one deeper."""
    return _joined("{", "}", [f"{json.dumps(key)}: {text}" for key, text in texts.items()], depth)


def _joined(opening: str, closing: str, texts: Sequence[str], depth: int) -> str:
    if not texts:
        return opening + closing
    line = "\n" + " " * depth
    return opening + line + " " + f",{line} ".join(texts) + line + closing
