"""CAN: databases and signal roles, end-to-end protection, buses with stamps, capture."""
