"""The bench as gateway between a BMS on one CAN channel and the controller on another.

Every frame is forwarded at once; faults rewrite, drop, delay, repeat or damage those of the BMS on their way, so that the
same faults reach a controller whether its battery is emulated or real. `core` decides and does no I/O; `shell` is the
thin loop around it, `process` the process that it runs in; `host` runs that from the bench.

With [gateway] path = "kernel" or "auto" the kernel's module can-gw forwards: `canjob` describes its jobs, `cangw`
configures it, `kernelplan` computes the jobs or the reason why there are none, `kernelpath` and `kernelshell` run them.
What it can and cannot do: bench/rig/README.md.
"""
