"""Rig files: the checked models, how a file is found and read, and where its inverter is.

Public names:

    connect       inverter_address
    derived       plant_ratings, reference_thresholds
    load          LoadedRig, load_rig, shipped_rigs
    profile       Demand, Profile, profile_of, strictest, unknown
    model         Bus, CommandName, Dut, Judging, MAX_SOC_PCT, MIN_SOC_PCT, Meter, Rig, Sync, Thresholds
    state_folder  state_folder
    stated        clock_of, moved_figures, not_claimed, thresholds_of
"""
