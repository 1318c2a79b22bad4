"""CAN databases that ship with the bench."""
