"""Verification: hashes, seal, and every verdict recomputed from the raw data; bundles."""
