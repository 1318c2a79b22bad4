"""What a controller does not need is not loaded, also where it is installed."""

import subprocess
import sys

CHECK = """
import sys
from v2g_bench.ems.lean import without_mf4
without_mf4()
import v2g_bench.ems.service
print([name for name in ("asammdf", "pandas", "pyarrow") if sys.modules.get(name)])
"""


def test_the_controller_starts_without_mf4():
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
