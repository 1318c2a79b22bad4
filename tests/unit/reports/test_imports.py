import ast
from pathlib import Path

import v2g_bench.reports


def test_reports_import_nothing_of_the_bench_but_its_errors():
    files = sorted(Path(v2g_bench.reports.__file__).parent.glob("*.py"))
    assert len(files) > 10
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                if name.split(".")[0] == "v2g_bench":
                    assert name == "v2g_bench.errors" or name.startswith("v2g_bench.reports"), f"{path.name}: {name}"
