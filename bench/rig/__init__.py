"""Rig files: checked models, and the open parts they describe."""
