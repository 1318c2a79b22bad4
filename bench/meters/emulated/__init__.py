"""Emulated SCPI instruments: an IEEE 488.2 core, HiSLIP and raw-socket servers, one file per instrument."""
