"""Ageing of cells: laws with their sources, rainflow counting, lithium plating. Physics, no I/O.

A `Series` (what the battery went through) becomes a `Stress` (what the laws need of it, small, addable, scalable); each
law of `LAWS` answers with a `Fade`.
"""
