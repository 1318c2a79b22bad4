"""The reference energy management system (EMS): the controller between the vehicle's BMS and the inverter.

Cores (no I/O, no clock): `trip`, `limits`, `thermal`, `derating`, `soc`, `balance`, `signal_quality`, `watchdog`,
`setpoint`, composed by `core.Ems`. Shells: `daemon` (the process), `inverter` over `modbus`, `control` (the UNIX
socket), `log`, `state`; what may take time (files, names, terminals) is done beside their loop: `aside`. Commands:
`v2g-daemon`, `v2g-ctrl`, `v2g-health`.

Sign: power and current are positive into the battery (charge); only `inverter` turns it round for SunSpec.
"""
