import json
from importlib.resources import files

import jsonschema
import pytest

from v2g_bench.reports.model.run import SCHEMA, dumps
from v2g_bench.reports.model.schema import FILE, results_schema, schema_text


@pytest.fixture(scope="module")
def validator():
    jsonschema.Draft202012Validator.check_schema(results_schema())
    return jsonschema.Draft202012Validator(results_schema())


def test_the_file_is_what_the_model_gives():
    there = files("v2g_bench.reports.model").joinpath(FILE).read_text("utf-8")
    assert there == schema_text(), "python -m v2g_bench.reports.model.schema > reports/model/results.schema.json"
    assert json.loads(there)["properties"]["schema"] == {"const": SCHEMA}


def test_what_the_model_writes_is_valid(run, kept, tmp_path, validator):
    for one in (run, kept.hardware(kept.kept_run(tmp_path / "kept", (23.0, float("nan"))), tmp_path / "kept")):
        validator.validate(json.loads(dumps(one)))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(verdict="GREEN"),
        lambda data: data.update(schema=SCHEMA + 1),
        lambda data: data.update(more=1),
        lambda data: data.pop("clock"),
        lambda data: data["requirements"][0].update(verdict="passed"),
        lambda data: data["requirements"][0]["tests"][0]["measurements"][0].update(value="fast"),
        lambda data: data["controller"].pop("sha256"),
        lambda data: data.update(voids="none"),
    ],
)
def test_what_the_model_would_not_write_is_not_valid(run, validator, change):
    data = json.loads(dumps(run))
    change(data)
    assert not validator.is_valid(data)
