"""The grid: voltage and frequency over time, and, as data, the grid codes that say how to behave on it."""
