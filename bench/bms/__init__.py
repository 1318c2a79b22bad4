"""The BMS emulator: what a vehicle's battery management system sends and receives on CAN."""
