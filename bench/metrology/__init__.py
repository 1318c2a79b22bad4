"""From waveforms to verdicts: crossing, uncertainty budget, decision rule, trials, stall monitor, calibration."""
