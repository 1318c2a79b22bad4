"""The open parts of a rig: what they promise (`protocol`), and the real ones.

Public names:

    calibrated         Calibrated, UNCALIBRATED
    controller_config  write_reference_config
    instruments        MEASURES
    opening            FIRST_FRAME_S, Later, Opening, Step, open_database, opened, roles_of
    protocol           BusNode, BusRecord, ClosedRig, DutPart, InverterPart, MeasuringInstruments, Parts, RigClock,
                       Safety, World, emi_mark, plant_config
    real               OpenRig
    sync               EmulatedSync, NoClockLink, NoSync
    timing             Edge, Timestamp, SyncLine
    traffic            bms_frames, protection, window
    trigger_timing     timing_of, timing_path
"""
