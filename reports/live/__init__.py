"""The live view: a separate process that shows a run from its event log."""
