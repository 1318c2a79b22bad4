"""Who operates the grid and the charge points, as parts of the rig: CSMS, IEEE 2030.5 server, aggregator."""
