"""Recordings of a battery from outside: found columns, stated or assumed units, gaps, signs.

    table.py      what a file holds, column by column: CSV, Parquet
    captures.py   MF4, BLF with a DBC, a run folder of the bench
    columns.py    which column is what, and its unit
    clean.py      the recording that the audit calculates with, and each assumption that made it

What cannot be meant is a BenchError with file, line and what to do; what can be assumed is a sentence in the report.
"""
