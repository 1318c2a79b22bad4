"""The controller's commands: `v2g-ctrl`, `v2g-health`, `v2g-thermal-monitor`."""
