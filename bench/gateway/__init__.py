"""The bench as gateway between a BMS on one CAN channel and the controller on another.

Every frame is forwarded at once; faults rewrite, drop, delay, repeat or damage those of the BMS on their way, so that the
same faults reach a controller whether its battery is emulated or a stranger's. `core` decides, without I/O; `process` is
the thin shell around it, a process of its own; `host` runs that from the bench.
"""
