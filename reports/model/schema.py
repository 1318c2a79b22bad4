"""The JSON Schema of results.json, made from the model: `results.schema.json` beside this file is what it gives.

It is versioned with the model (`model.SCHEMA`): a reader of another program checks a file against it before it trusts
the names. A float that is not finite is the string "inf", "-inf" or "nan", as JSON knows none.

    python -m v2g_bench.reports.model.schema > reports/model/results.schema.json
"""

import dataclasses
import json
import types
import typing
from typing import Any

from v2g_bench.reports.model.run import CLOCKS, EVIDENCE, Measurement, Run
from v2g_bench.reports.model.verdicts import VERDICTS
from v2g_bench.reports.model.versions import SCHEMA, lacking

FILE = "results.schema.json"
_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    float: {"anyOf": [{"type": "number"}, {"enum": ["inf", "-inf", "nan"]}]},
}
_WORDS: dict[Any, dict[str, tuple[str, ...]]] = {Run: {"evidence": EVIDENCE, "clock": CLOCKS}}


def results_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of what `model.dumps` writes."""
    definitions: dict[str, Any] = {}
    root = _object(Run, definitions)
    root["properties"] = {
        "schema": {"const": SCHEMA},
        "verdict": {"enum": list(VERDICTS)},
        **{name: kind for name, kind in root["properties"].items() if name != "schema"},
    }
    root["required"] = list(root["properties"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"results.json of a V2G bench, version {SCHEMA}",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """The schema as its file holds it."""
    return json.dumps(results_schema(), indent=1) + "\n"


def _object(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    left_out = lacking("measurement", SCHEMA) if kind is Measurement else {}
    names = [field.name for field in dataclasses.fields(kind) if field.name not in left_out]
    properties = {name: _of(hints[name], definitions) for name in names}
    for name, known in {"verdict": VERDICTS, **_WORDS.get(kind, {})}.items():
        if name in properties:
            properties[name] = {"enum": list(known)}
    text = " ".join((kind.__doc__ or "").split())
    closed = {"type": "object", "properties": properties, "required": names, "additionalProperties": False}
    return {"description": text, **closed}


def _of(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in _SCALARS:
        return dict(_SCALARS[hint])
    if origin is typing.Literal:
        return {"enum": list(inner)}
    if origin is list:
        return {"type": "array", "items": _of(inner[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(inner[1], definitions)}
    if origin in (types.UnionType, typing.Union):
        (rest,) = [each for each in inner if each is not type(None)]
        return {"anyOf": [_of(rest, definitions), {"type": "null"}]}
    if hint.__name__ not in definitions:
        definitions[hint.__name__] = {}  # a kind that holds itself would come back here
        definitions[hint.__name__] = _object(hint, definitions)
    return {"$ref": f"#/$defs/{hint.__name__}"}


if __name__ == "__main__":
    print(schema_text(), end="")
