"""The BMS emulator: what a vehicle's battery management system says and hears on CAN."""
