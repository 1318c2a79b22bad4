import ast
from pathlib import Path

import v2g_bench.reports

# What recomputes a verdict does it with the bench's own mathematics; nothing that shows a report may.
MATHEMATICS = {
    f"v2g_bench.{name}"
    for name in (
        "evidence",
        "evidence.capture",
        "evidence.compute",
        "evidence.reading",
        "evidence.record",
        "evidence.schema2",
        "metrology.budget",
        "metrology.decision",
        "metrology.waveform",
    )
}
# How a file is read, what a number in it may be, and how an error is said: no knowledge of the bench.
GROUND = {
    "v2g_bench",
    "v2g_bench.errors",
    *(f"v2g_bench.inputs.{name}" for name in ("files", "folder", "models", "npz", "ranges", "text")),
}
ALLOWED = {
    "run.py": {"v2g_bench.evidence.record"},  # plain data, which a run writes
    "provenance.py": {"v2g_bench.metrology.trials"},  # seed to phases: the one definition, which a forger cannot move
    "rig_copy.py": {"v2g_bench.rig.file.model", "v2g_bench.rig.file.stated"},  # the format: see .importlinter
    "qualification.py": {"v2g_bench.qualification.score"},  # the rule from trials to a verdict, likewise
    **dict.fromkeys(
        ("limits.py", "recheck.py", "records.py", "rejudge.py", "waveform_file.py", "waveforms.py"), MATHEMATICS
    ),
}


def test_reports_import_nothing_of_the_bench_but_its_ground():
    files = sorted(Path(v2g_bench.reports.__file__).parent.rglob("*.py"))
    assert len(files) > 40
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                if name.split(".")[0] == "v2g_bench":
                    own = name in GROUND or name.startswith("v2g_bench.reports")
                    assert own or name in ALLOWED.get(path.name, ()), f"{path.name}: {name}"
