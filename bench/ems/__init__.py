"""The reference energy management system (EMS): the controller between the vehicle's BMS and the inverter.

- `model`: plain data: configuration, limits, frames and actions, the pack as the controller sees it.
- `protection`: one core for each rule (no I/O, no clock): trip, watchdog, thermal, derating, SoC, balance, signal quality.
- `core`: the decision, composed of the protections (`controller.Ems`).
- `ports`: CAN, Modbus and SunSpec, trouble codes; work that may take time runs outside the loop (`aside`).
- `service`: the process: `daemon`, its control socket, log, state store and override trail.
- `commands`: `v2g-ctrl`, `v2g-health`, `v2g-thermal-monitor`.

Sign: power and current are positive into the battery (charge); only `ports.sunspec` reverses it for SunSpec.
"""
