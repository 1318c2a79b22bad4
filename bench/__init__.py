"""A hardware-in-the-loop test bench for Vehicle-to-Grid controllers."""

import sys
from typing import Any

__version__ = "0.1.0"


class _LeanPythonCan:
    """Finds no asammdf while python-can is being imported, which would import it wherever it is installed.

    With it come pandas and pyarrow: half a second of every process of the bench, and of every start of the controller,
    for a format that `export` alone writes, and without python-can. Who imports asammdf himself gets it.
    python-can leaves no other way: `import can` imports `can.io`, which imports every reader, also for one submodule.
    """

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        under_way = "can.io.mf4" in sys.modules and not hasattr(sys.modules["can.io"], "MF4Reader")
        if name == "asammdf" and under_way:
            raise ModuleNotFoundError("No module named 'asammdf' for python-can", name=name)


if "pytest" not in sys.modules:  # where others' tests may want all of python-can
    sys.meta_path.insert(0, _LeanPythonCan())
