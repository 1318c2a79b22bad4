"""What a run shows the controller, drawn from its seed: `dimensions`, and covering arrays (`covering`).

Pure: no I/O, no clock, no state. The same seed, name and place give the same draw, whatever was drawn before it and how
often (`sequence`).
"""
