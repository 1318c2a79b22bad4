"""The open parts of a rig: what they promise (`protocol`), and the real ones."""
