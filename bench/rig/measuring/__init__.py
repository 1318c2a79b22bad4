"""What a test can do on an open rig: hold a power, inject a fault, record, read, compare the sources of one quantity."""
