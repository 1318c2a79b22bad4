"""The bench itself: a capture, database, clock, budget or comparison that is not what it should be."""

from typing import Any

from v2g_bench.qualification.defects.catalogue.defect import CONTRADICTION, HOT, Defect


def _bench(name: str, check: str, verdict: str, reason: str, tests: str = HOT, **more: Any) -> Defect:
    return Defect(more.pop("title", name.replace("_", " ")), "bench", check, verdict, reason, tests, bench=name, **more)


BENCH = (
    _bench("empty_capture", "SAF-01", "ERROR", "not seen on the bus|no frame|came lately"),
    _bench("wrong_database", "SAF-01", "ERROR", "not seen on the bus", title="wrong DBC"),
    _bench("nothing_injected", "SAF-01", "ERROR", "not seen on the bus"),
    _bench("nothing_taken_back", "SAF-01", "ERROR", "still on the bus"),
    _bench("no_trials", "SAF-01", "INCONCLUSIVE", "nothing was judged"),
    _bench("nothing_recorded", "SAF-01", "ERROR", CONTRADICTION),
    _bench("t0_from_the_call", "verify", "wrong", "t0", title="verdict from the time of the call"),
    _bench("t0_is_late", "verify", "wrong", "t0", title="verdict from a time after the frame"),
    _bench("budget_without_clock_link", "SAF-01", "ERROR", "lacks clock link"),
    _bench("budget_without_the_record", "SAF-01", "ERROR", "lacks crossing in the record"),
    _bench("everything_passes", "verify", "wrong", "recomputed: FAIL", core="hot_cell_in_70_ms"),
    _bench("crossing_too_early", "verify", "wrong", "recomputed", core="hot_cell_in_70_ms"),
    _bench("", "verify", "wrong", "results.json", title="a verdict edited afterwards", tamper="results.json"),
    _bench("", "verify", "wrong", "waveforms", title="a waveform edited afterwards", tamper="waveforms"),
    _bench("", "verify", "wrong", "main.blf", title="a capture edited afterwards", tamper="main.blf"),
)
