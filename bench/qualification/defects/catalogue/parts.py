"""Parts of the rig, not the controller: contactors, inverter, meters, BMS."""

from typing import Any

from v2g_bench.qualification.defects.catalogue.defect import (
    CLOSING,
    CONTRADICTION,
    COOLER,
    COOLER_C,
    DISCHARGE,
    GRADIENT,
    HOT,
    LINK,
    LOST,
    NEVER_OPEN,
    NO_LOAD,
    STAYS,
    TIME,
    Defect,
)

DIGITIZER, ANALYZER, MULTIMETER = "meters.dc_current", "meters.ac_power", "meters.multimeter"
REQUIREMENT = {
    DISCHARGE: "LIM-04",
    GRADIENT: "SAF-08",
    LOST: "SAF-11",
    NO_LOAD: "SAF-21",
    CLOSING: "SAF-22",
    LINK: "SAF-24",
    COOLER: "THM-07",
    HOT: "SAF-01",
}


def _part(name: str, verdict: str, reason: str, tests: str, *parts: Any, core: str = "", **more: Any) -> Defect:
    return Defect(name, "part", REQUIREMENT[tests], verdict, reason, tests, core=core, parts=parts, **more)


PARTS = (
    _part(
        "contactor welded and inverter that acknowledges and does not act",
        "FAIL",
        STAYS,
        HOT,
        ("plant", {"weld_contactor": True, "ignore_stop": True}, "power"),
        emulated=True,
    ),
    _part("contactor welded", "ERROR", "reports a welded contactor", HOT, ("plant", {"weld_contactor": True}, "power")),
    _part(
        "contactor 100 ms slow",
        "FAIL",
        r"1\d\d\.\d+ ms ± .* limit <= 100 ms",
        NO_LOAD,
        ("plant", {"contactor_open_extra_s": 0.1}, "start"),
    ),
    _part("precharge skipped", "FAIL", r"0\.0+ .* limit >= 1", CLOSING, ("plant", {"skip_precharge": True}, "start")),
    _part("link that stays live", "FAIL", "V ± .* limit <= 60 V", LINK, ("plant", {"weld_contactor": True}, "power")),
    _part("pump that does not run", "FAIL", COOLER_C, COOLER, ("plant", {"pump_failed": True}, "start")),
    _part("contactor that stays closed", "FAIL", NEVER_OPEN, NO_LOAD, ("plant", {"weld_contactor": True}, "power")),
    _part(
        "contactor and bridge 100 ms slow",
        "FAIL",
        TIME.format(r"1\d\d\.\d+"),
        HOT,
        ("plant", {"contactor_open_extra_s": 0.1, "bridge_stop_extra_s": 0.1}, "start"),
    ),
    _part(
        "inverter that ignores its setpoint",
        "INCONCLUSIVE",
        "asked for -3000 W",
        HOT,
        ("plant", {"ignore_setpoint": True}, "start"),
    ),
    _part(
        "inverter that gives 10 % more",
        "FAIL",
        r"-3[23]\d\d\.\d W ± .* limit -3060",
        DISCHARGE,
        ("plant", {"power_gain": 1.1}, "start"),
    ),
    _part("meter stuck", "ERROR", "the reading is stuck", HOT, (DIGITIZER, {"stuck": True}, "start"), emulated=True),
    _part(
        "meter scaled to a thousandth over a forbidden discharge",
        "ERROR",
        CONTRADICTION,
        LOST,
        (DIGITIZER, {"scale": 0.001}, "start"),
        core="noise_keeps_discharging",
    ),
    _part("meter scaled by a half", "ERROR", CONTRADICTION, HOT, (DIGITIZER, {"scale": 0.5}, "start"), emulated=True),
    _part("meter 20 % high", "ERROR", CONTRADICTION, HOT, (DIGITIZER, {"scale": 1.2}, "start")),
    _part("meter with its leads swapped", "ERROR", CONTRADICTION, HOT, (DIGITIZER, {"scale": -1.0}, "start")),
    _part("meter that does not answer", "ERROR", "no answer", HOT, (DIGITIZER, {"hang": True}, "power")),
    _part(
        "digitizer with a wrong time base",
        "ERROR",
        "two edges of the sync line are|readings came",
        HOT,
        (DIGITIZER, {"time_base": 0.5}, "start"),
        core="hot_cell_in_70_ms",
    ),
    _part("half of a block", "ERROR", r"meters\.dc_current", HOT, (DIGITIZER, {"truncated_block": True}, "power")),
    _part("analyzer that shows a half", "ERROR", CONTRADICTION, GRADIENT, (ANALYZER, {"scale": 0.5}, "start")),
    _part("analyzer with its sign turned", "ERROR", CONTRADICTION, DISCHARGE, (ANALYZER, {"scale": -1.0}, "start")),
    _part(
        "analyzer 5 % high",
        "INCONCLUSIVE",
        "sources of AC .* analyzer",
        DISCHARGE,
        (ANALYZER, {"scale": 1.05}, "start"),
    ),
    _part(
        "multimeter 5 % low",
        "INCONCLUSIVE",
        "sources of AC .* multimeter",
        DISCHARGE,
        (MULTIMETER, {"scale": 0.95}, "start"),
    ),
    _part("meter 5 % high", "INCONCLUSIVE", "sources of DC current", HOT, (DIGITIZER, {"scale": 1.05}, "start")),
    _part(
        "inverter's registers 5 % high",
        "INCONCLUSIVE",
        "sources of AC power.* inverter",
        DISCHARGE,
        ("plant", {"inverter_scale": 1.05}, "start"),
    ),
    _part(
        "BMS's current 5 % high",
        "INCONCLUSIVE",
        "sources of DC current.* BMS",
        HOT,
        ("plant", {"bms_current_scale": 1.05}, "start"),
    ),
    _part("analyzer that stands still", "ERROR", "no answer", GRADIENT, (ANALYZER, {"stuck": True}, "power")),
)
