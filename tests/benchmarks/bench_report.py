"""How long a report of 150 waveforms takes, part by part. Target: all outputs together below 5 s.

python tests/benchmarks/bench_report.py [waveforms]
"""

import dataclasses
import importlib.util
import resource
import sys
import tempfile
import time
from pathlib import Path

from v2g_bench.reports.model.run import Requirement, TestResult, dumps
from v2g_bench.reports.render.html import render_html
from v2g_bench.reports.render.junit import render_junit
from v2g_bench.reports.render.pdf import render_pdf
from v2g_bench.reports.render.view import view
from v2g_bench.reports.write import write_report

SAMPLE = Path(__file__).parents[1] / "unit/reports/sample.py"


def main() -> None:
    """Build a run with that many waveforms of 7500 samples, five to a measurement, and time each output."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    spec = importlib.util.spec_from_file_location("reports_sample", SAMPLE)
    assert spec is not None
    assert spec.loader is not None
    sample = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sample)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        requirements = []
        for number in range(count // 5):
            latencies = [20.0 + 0.1 * number + 0.7 * k for k in range(5)]
            measurement = sample.latency(folder, f"m{number}-charging", latencies)
            test = TestResult(nodeid=f"t.py::test_{number}", measurements=[measurement], log="one line\n" * 20)
            requirements.append(Requirement(id=f"SAF-{number:02d}", title=f"requirement {number}", tests=[test]))
        run = dataclasses.replace(sample.sample_run(folder), requirements=requirements)
        report(run, folder, count)


def report(run, folder: Path, count: int) -> None:
    """Print the time of each part and of the whole."""
    timed: dict[str, float] = {}

    def clocked(label, work):
        start = time.perf_counter()
        result = work()
        timed[label] = time.perf_counter() - start
        return result

    # first, because Typst keeps what it has laid out: the PDF below is measured warm
    clocked("write_report, all of it", lambda: write_report(run, folder))
    shown, _ = clocked("figures and words", lambda: view(run, folder))
    html = clocked("HTML", lambda: render_html(shown))
    pdf = clocked("PDF, warm", lambda: render_pdf(run, shown))
    clocked("JUnit", lambda: render_junit(run))
    clocked("JSON", lambda: dumps(run))
    for label, seconds in timed.items():
        print(f"{label:26s} {seconds:6.2f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count} waveforms: HTML {len(html) / 1e6:.1f} MB, PDF {len(pdf) / 1e6:.1f} MB, peak memory {peak:.0f} MB")
    print(f"target 5 s: {'met' if timed['write_report, all of it'] < 5.0 else 'MISSED'}")


if __name__ == "__main__":
    main()
