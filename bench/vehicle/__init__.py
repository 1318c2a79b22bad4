"""The vehicle as a part of the rig: its charging communication (EVCC), control pilot and proximity."""
