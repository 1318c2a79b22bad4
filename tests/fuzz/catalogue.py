"""All targets by name."""

import of_files
import of_runs
import of_wires

TARGETS = {one.name: one for part in (of_files, of_runs, of_wires) for one in part.targets()}
