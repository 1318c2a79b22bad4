"""The certification report: reads what a run wrote, and imports nothing of the bench but its error type.

`verify` alone goes further: its `recheck` recomputes the verdicts with the bench's own mathematics
(`v2g_bench.evidence`).

`model` is the data of a run and its JSON; `write.write_report` makes every output from it: results.json, JUnit XML, one
HTML page, one PDF and the manifest. `view` words everything once, so that the HTML and the PDF cannot disagree.

>>> from v2g_bench.reports.model.verdicts import worst
>>> worst(["PASS", "INCONCLUSIVE", "FAIL"])
'FAIL'
"""
