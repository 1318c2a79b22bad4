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
"""
