"""What a test can do on an open rig: hold a power, inject a fault, record, read, compare the sources of one quantity.

Public names:

    anything       Anything
    around         Around, COMMAND
    bench          Bench, NotTested, NotAtPower, RATED_W
    bus            Bus
    command_lines  NoStart, DutCommandLine
    comparisons    Comparison
    dangers        Chance, DANGERS, Silencing, TRIP_MS
    history        History
    injection      Injector
    matrix         Row, SHOWN_TOGETHER, matrix, shares
    pack           Pack
    power          Power
    readings       Readings
    said.sheet     Contradiction, SUBJECTS, Sheet
    session        Session
    states         STATES, Situation
    trace          RATE_HZ, Known, Span, Trace, save
    under_test     UnderTest
"""
