"""What a test can do on an open rig: hold a power, inject a fault, record, read, compare the sources of one quantity.

Public names:

    bench          Bench, NotTested, NotAtPower, RATED_W
    bus            Bus
    command_lines  NoStart, DutCommandLine
    comparisons    Comparison
    injection      Injector
    pack           Pack
    power          Power
    readings       Readings
    session        Session
    trace          RATE_HZ, Known, Span, Trace, save
    under_test     UnderTest
"""
