"""The wire: a CAN FD bus with bits, arbitration, error confinement, load and interference.

`frame`, `crc`, `encode`, `decode`, `length` and `timing` are the bits; `bus` is the medium with its nodes and returns `events`;
`health` and `confinement` are their error counters, `line` and `noise` what disturbs it. All are cores without I/O and without
a clock.
"""
