"""Seeded defects: controllers, parts and benches that are broken on purpose, each with the check that must notice it.

    v2g-bench qualify --defects

A bench that certifies has to show that it can fail. `catalogue` lists what is broken and by what it must be found;
`controllers` are cores of the reference controller with one defect each, by what is broken of them. `fixtures.defects` has
the bench's own defects and sets those of parts; `commands.defects` runs each of them against its check, and the unbroken
controller against all of them. A new controller is a factory in `controllers` and a line in the `catalogue`.
"""
