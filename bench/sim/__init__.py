"""`--rig=sim`: the whole bench in one process under a simulated clock. No socket, no thread, no sleep; events in order.

What is the same as on the emulated rigs: the plant, the BMS, the inverter's register map and Modbus server, the meters'
drivers and emulators, the reference controller with its own shell, the conformance tests. What is replaced: the wires
between them (`bus`, `network`, `meters`), the clock (`timeline`), and the process around the controller (`controller`).

Modelled: the time a CAN frame takes on the wire and that frames wait for each other; the transit of a Modbus segment;
the meters' apertures, grids, noise and update intervals; the power stage, contactors and pack.
Not modelled: the time a program computes (it is zero), the machine's scheduling, arbitration by identifier, bus errors
and retransmissions, stuff bits, transit jitter, the transit of SCPI and of operator commands. A latency found here is
that of the design, never of an implementation: evidence "simulated", clock "virtual", never certified. A rig with
`physics = true` (sim-wire) has arbitration, stuff bits, bus errors and retransmissions as well: `wirebus`.

Beside the time-travel kernel (`v2g-bench kernel --time-travel`), which runs the real processes, the real SocketCAN and the
real TCP under a virtual clock, both leave out how long a program computes. What differs:

    here                                                    there
    a frame takes its bits' time, 0.26 ms for BMS_Safety    vcan hands it over at once
    a Modbus segment takes 0.1 ms, a command no time        loopback and processes take what the kernel's timers take
    one order of events, from the seed                      the guest's scheduler decides within an instant
    the reference core alone, or one of its broken ones     any program

`tests/integration/test_agreement.py` replays the same scenario files on both: the same verdicts; the latencies of four
shutdowns were 0.03 to 0.19 ms apart, the simulation's the longer ones.

Public names:

    bus         SimBus, SimCapture
    controller  SimCanPort
    network     TRANSIT_S
    plant       SAMPLE_S
    rig         SimRig
    timeline    Timeline
"""
