"""SCPI meters: PyVISA drivers, and emulated instruments that the same drivers talk to."""
