"""Where a rig's inverter is."""

from v2g_bench.inverter.address import InverterAddress
from v2g_bench.rig.file.load import LoadedRig


def inverter_address(loaded: LoadedRig, emulated: tuple[str, int] | None = None, service: str = "") -> InverterAddress:
    """By the rig file; emulated: host and port of an emulated one, which are not in the file, and service: its service
    port, a serial line or host:port.

    BenchError if its register map is not there.
    """
    inverter = loaded.rig.inverter
    host, port = emulated or (inverter.host, inverter.port)
    if inverter.service == "modbus-tcp" and service:
        host, _, number = service.rpartition(":")
        port, service = int(number), ""
    return InverterAddress(
        host=host,
        port=port,
        unit_id=inverter.unit_id,
        device=inverter.device if inverter.kind == "modbus-rtu" else service,
        baudrate=inverter.baudrate,
        parity=inverter.parity,
        stopbits=inverter.stopbits,
        timeout_s=inverter.timeout_s,
        map_path=str(loaded.resolve(inverter.map, "inverter.map")) if inverter.map else "",
    )
