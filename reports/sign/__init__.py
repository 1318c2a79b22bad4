"""Signatures: keys and tokens, PAdES on the PDF, the seal over the run folder."""
