"""The bench's own connection to a rig's inverter: SunSpec or a vendor's register map, over TCP or a serial line."""

from v2g_bench.inverter.client import InverterClient
from v2g_bench.inverter.modbus import ModbusLink
from v2g_bench.inverter.rtu import ModbusRtuLink
from v2g_bench.inverter.vendor import VendorInverter, read_vendor_map
from v2g_bench.rig.load import LoadedRig


def connect_inverter(
    loaded: LoadedRig, address: tuple[str, int] | None = None, timeout_s: float = 1.0
) -> InverterClient | VendorInverter:
    """A client for the rig's inverter; nothing is sent yet. address: of an emulated one, which the rig file does not know.

    BenchError for a register map that is wrong.
    """
    inverter = loaded.rig.inverter
    host, port = address or (inverter.host, inverter.port)
    serial = None
    if inverter.kind == "modbus-rtu":
        serial = ModbusRtuLink(
            inverter.device,
            inverter.unit_id,
            timeout_s,
            baudrate=inverter.baudrate,
            parity=inverter.parity,
            stopbits=inverter.stopbits,
        )
    if inverter.map is None:
        return InverterClient(host, port, inverter.unit_id, timeout_s, link=serial)
    registers = read_vendor_map(loaded.resolve(inverter.map, "inverter.map"))
    return VendorInverter(serial or ModbusLink(host, port, inverter.unit_id, timeout_s), registers)
