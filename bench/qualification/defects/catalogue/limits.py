"""Power and limits: not what was asked for, or kept at a part of the operating points alone."""

from v2g_bench.qualification.defects.catalogue.defect import AMPERES, DISCHARGE, DIVERGENCE, DRAWS, fails

CHARGE = "set_power_is_the_power and charging and not discharging"

POWERS = (
    fails("power_sign_wrong", "LIM-04", r"(29|30)\d\d\.\d W ± .* limit -3060 to -2940 W|asked for", DISCHARGE),
    fails("power_5_pct_high", "LIM-04", r"-31\d\d\.\d W ± .* limit -3060 to -2940 W", DISCHARGE, emulated=True),
    fails("power_3_pct_low", "LIM-04", r"-2[89]\d\d\.\d W ± .* limit -3060 to -2940 W", DISCHARGE),
    fails("power_100_w_off", "LIM-04", r"-3[01]\d\d\.\d W ± .* limit -3060 to -2940 W", DISCHARGE),
    fails("charge_power_5_pct_low", "LIM-04", r"28\d\d\.\d W ± .* limit 2940 to 3060 W", CHARGE),
    fails("accepts_and_does_nothing", "LIM-04", "limit -3060 to -2940 W", DISCHARGE),
    fails("power_taken_from_standstill_alone", "LIM-04", "W ± .* limit", "any_set_power", trials=DRAWS),
)

PARTIAL = (
    fails("delivers_10_pct_more_from_3_2_to_8_kw", "LIM-04", "W ± .* limit", "any_set_power", trials=DRAWS),
    fails("soc_limits_within_2_pct_alone", "LIM-01", AMPERES, "anywhere_below_min_soc", trials=DRAWS),
    fails("max_soc_ignored_at_reload", "LIM-03", AMPERES, "reload_puts_new_limits and charging", trials=DRAWS),
    fails("cell_voltages_by_their_mean", "LIM-07", AMPERES, "no_charge_above_4_1_v", trials=DRAWS),
    fails("derates_in_the_extremes_alone", "THM-03", "limit <= 90 %", "hot_pack_derates", trials=DRAWS),
    fails("large_discharge_granted_in_charge_only", "SAF-09", AMPERES, DIVERGENCE, trials=DRAWS),
)
