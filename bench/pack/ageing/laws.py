"""The laws of the ensemble by name."""

from collections.abc import Mapping

from v2g_bench.pack.ageing.law import Law

LAWS: Mapping[str, Law] = {}
