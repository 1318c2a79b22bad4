"""What a test can do on an open rig: hold a power, inject a fault, record, read, compare the sources of one quantity.

Public names:

    bench          Bench, NotApplicable, NotAtPower, RATED_W
    bus            Bus
    command_lines  NoStart, Operator
    injection      Injector
    pack           Pack
    power          Power
    reading        Reading
    readings       Readings
    session        Session
    sources        Comparison
    trace          Latency, RATE_HZ, Trace, TraceSettings, save
    under_test     UnderTest
"""
