"""The reference energy management system (EMS): v2g-daemon, v2g-ctrl and v2g-health."""
