"""SHA-256 of parts of the results, as they stand in results.json: what the chain of records knows of them.

Of any version of the results, also by a later bench: each part is digested with the keys that its version has.
"""

import hashlib
import json
from dataclasses import replace

from v2g_bench.reports.model.run import Run, TestResult, Texts, Trial, dumps
from v2g_bench.reports.model.stored import plain
from v2g_bench.reports.model.versions import lacking


def test_digest(test: TestResult, schema: int, texts: Texts) -> str:
    """Of all that one test found. texts: where it may be kept as text already."""
    return _sha256(texts.of(test, schema, ascii_only=False).encode("utf-8", "surrogatepass"))


def trial_digest(trial: Trial, schema: int) -> str:
    """Of one trial with its evidence."""
    return _sha256(json.dumps(plain(trial, without=lacking("trial", schema)), sort_keys=True).encode())


def run_digest(run: Run) -> str:
    """Of all results, as the run ended: whatever edition was issued of it later."""
    return _sha256(dumps(replace(run, issue=None)))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
