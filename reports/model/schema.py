"""The JSON Schema of results.json, made from the model: `results.schema.json` beside this file is what it gives.

It is versioned with the model (`model.SCHEMA`): a reader of another program checks a file against it before it trusts
the names. A float that is not finite is the string "inf", "-inf" or "nan", as JSON knows none.

    python -m v2g_bench.reports.model.schema > reports/model/results.schema.json
"""

import json
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from v2g_bench.reports.model.run import CLOCKS, EVIDENCE, Run
from v2g_bench.reports.model.verdicts import VERDICTS
from v2g_bench.reports.model.versions import SCHEMA, lacking

FILE = "results.schema.json"


class _Written(GenerateJsonSchema):
    """Of what is written: each key is there, so that no default counts."""

    def field_is_required(self, field: Any, total: bool) -> bool:
        return True

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])


def results_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of what `model.dumps` writes."""
    root = TypeAdapter(Run).json_schema(mode="serialization", schema_generator=_Written)
    kinds = root.pop("$defs")
    for name, kind in kinds.items():
        kind["description"] = " ".join(kind["description"].split())
        if "verdict" in kind["properties"]:
            kind["properties"]["verdict"] = {"enum": list(VERDICTS)}
        for key in lacking(name.lower(), SCHEMA):
            kind["properties"].pop(key)
            kind["required"].remove(key)
    known = {"schema": {"const": SCHEMA}, "verdict": {"enum": list(VERDICTS)}}
    words = {"evidence": {"enum": list(EVIDENCE)}, "clock": {"enum": list(CLOCKS)}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **root,
        "title": f"results.json of a V2G bench, version {SCHEMA}",
        "description": " ".join(root["description"].split()),
        "properties": known | root["properties"] | known | words,
        "required": list(known | root["properties"]),
        "$defs": dict(sorted(kinds.items())),
    }


def schema_text() -> str:
    """The schema as its file holds it."""
    return json.dumps(results_schema(), indent=1) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
