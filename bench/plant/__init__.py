"""The plant: one physical model of pack, power stage and grid, in a process of its own, with the emulators as its faces."""
