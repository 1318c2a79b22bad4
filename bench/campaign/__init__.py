"""Campaigns: thousands of generated scenarios against the controller's core, each judged at every instant.

    v2g-bench campaign shutdown --trials 20000 --workers 2

    campaign file --`plan`: Latin hypercube, seeded--> scenarios --`bare`: simulated world--> `invariants` --> results
                                                                          failed --`shrink`--> a small scenario file

A scenario file is plain TOML and replays alone: `pytest --rig=sim --scenario=FILE`, on the emulated rigs as well.

The bare world is `--rig=sim` without Modbus registers and meters: the same plant, BMS, faults, bus, end-to-end protection
and controller core, the inverter's power stage behind a fixed transit. What is judged is the plant's own current, whose
pieces are monotonous, so that looking at their ends is looking at every instant; on a rig, it is the digitizer's record.

Scenarios that start from the same pack at the same power share an *operating point*: the world is brought there once, and each
scenario begins with a copy of it. No scenario depends on another, so the results are the same for any number of workers.
"""
