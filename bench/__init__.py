"""A hardware-in-the-loop test bench for Vehicle-to-Grid controllers."""

__version__ = "0.1.0"
