"""The inverter: power stage, SunSpec map, Modbus server and client."""
