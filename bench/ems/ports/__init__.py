"""How the controller reaches the world: CAN, Modbus and SunSpec, trouble codes."""
