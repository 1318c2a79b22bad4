"""The battery pack: cells, temperatures, contactors. Physics without I/O."""
