"""Seeded defects: controllers, parts and benches that are broken on purpose, each with the check that must notice it.

    v2g-bench qualify --defects

A bench that certifies has to show that it can fail. `catalogue` lists what is broken and by what it must be found;
`controllers` are cores of the reference controller with one defect each, by what is broken of them; `benches` are the
bench's own defects; `plugin` applies those and defective parts to a certification; `run` runs each of them against its check,
and the unbroken controller against all of them. A new defect is a factory there and a line in the catalogue.
"""
