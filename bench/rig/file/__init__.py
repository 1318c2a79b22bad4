"""Rig files: the checked models, how a file is found and read, and where its inverter is."""
