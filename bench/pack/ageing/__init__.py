"""Ageing of cells: laws with their sources, rainflow counting, lithium plating. Physics, no I/O."""
