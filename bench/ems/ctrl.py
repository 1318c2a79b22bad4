"""v2g-ctrl: what an operator asks of the running controller.

    v2g-ctrl --set-power -3000      3 kW discharge; positive charges
    v2g-ctrl --status [--json]
    v2g-ctrl --reset-trip           after the pack is safe again
    v2g-ctrl --reset-soc-offset     after a calibration charge to 100 %

Exit status: 0 done, 1 refused (with the reason), 2 usage, or the daemon cannot be reached.
"""

import argparse
import json
import math
import sys
from typing import Any

from v2g_bench.ems.client import ControlClient, ControlError, socket_path


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    args = _parser().parse_args(argv)
    try:
        answer = ControlClient(socket_path(args.socket)).ask(_request(args))
    except ControlError as error:
        print(f"v2g-ctrl: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(answer))
    elif not answer["ok"]:
        print(f"v2g-ctrl: refused: {answer['text']}", file=sys.stderr)
    else:
        print(_status_text(answer) if args.status else answer["text"])
    return 0 if answer["ok"] else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("v2g-ctrl", description="Control the V2G energy management system.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--set-power", type=_watts, metavar="WATTS", help="AC power; negative discharges (V2G)")
    what.add_argument("--status", action="store_true", help="mode, power, faults")
    what.add_argument("--reset-trip", action="store_true", help="release the emergency shutdown and the noise latch")
    what.add_argument("--reset-soc-offset", action="store_true", help="after a calibration charge to 100 %%")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.add_argument("--socket", metavar="PATH", help="default: V2G_SOCKET, else /run/v2g/ems.sock")
    return parser


def _watts(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"not a power: {text}")
    return value


def _request(args: argparse.Namespace) -> dict[str, Any]:
    if args.set_power is not None:
        return {"cmd": "set_power", "power_w": args.set_power}
    if args.reset_trip:
        return {"cmd": "reset_trip"}
    return {"cmd": "reset_soc_offset" if args.reset_soc_offset else "status"}


def _status_text(status: dict[str, Any]) -> str:
    bms, inverter, limits = status["bms"], status["inverter"], status["limits"]
    soc = "unknown" if bms["soc_pct"] is None else f"{bms['soc_pct']:.1f} %"
    measured = "unknown" if inverter["ac_power_w"] is None else f"{inverter['ac_power_w']:g} W"
    lines = [
        f"mode       {status['mode']}",
        f"power      requested {status['requested_w']:g} W, effective {status['effective_w']:g} W, measured {measured}",
        f"limits     SoC {limits['min_soc_pct']:g} to {limits['max_soc_pct']:g} %",
        f"BMS        {'alive' if bms['alive'] else 'silent'}, SoC {soc}, frame loss {bms['loss_pct']:g} %",
        f"inverter   {'online' if inverter['online'] else 'offline'}, {inverter['state'] or 'state unknown'}",
    ]
    lines += [f"limited by {reason}" for reason in status["limited_by"]]
    lines += [f"fault      {fault['code']} {fault['text']}; {fault['advice']}" for fault in status["faults"]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
