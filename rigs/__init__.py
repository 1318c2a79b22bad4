"""Rig files that ship with the bench."""
