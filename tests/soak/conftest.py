"""The modules of this folder import each other by name, as under `python tests/fuzz`: the folders of tests are no packages."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
