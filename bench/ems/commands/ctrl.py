"""v2g-ctrl: what an operator asks of the running controller.

    v2g-ctrl --set-power -3000      3 kW discharge; positive charges
    v2g-ctrl --status [--json]
    v2g-ctrl --reset-trip           after the pack is safe again
    v2g-ctrl --reset-soc-offset     after a calibration charge to 100 %
    v2g-ctrl --force-limit 15       override the SoC window for an hour: 15 is below its middle, so it replaces MIN_SOC;
                                    90 would replace MAX_SOC, 15:90 both, off ends it. Recorded in the audit trail.
    v2g-ctrl --departure 06:30 [--departure-soc 85]     the SoC window narrows towards it; none: no departure
    v2g-ctrl --v2g-window 17:00 19:00                   the pack is cooled before it; none: no window
    v2g-ctrl audit --verify         whether the audit trail is as it was written

Exit status: 0 done, 1 refused (with the reason), 2 usage, or the daemon cannot be reached.
"""

import argparse
import json
import math
import sys
from functools import partial
from typing import Any

from v2g_bench.ems.service.control_client import ControlClient, ControlError, socket_path
from v2g_bench.errors import plain_output


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    plain_output()
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["audit"]:
        from v2g_bench.ems.commands import audit as audit_command

        return audit_command.main(words[1:])
    args = parser().parse_args(words)
    if args.departure_soc is not None and args.departure is None:
        parser().error("--departure-soc goes with --departure TIME")
    try:
        answer = ControlClient(socket_path(args.socket)).ask(request_of(args))
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


def parser() -> argparse.ArgumentParser:
    """What v2g-ctrl understands, without `audit`."""
    # A fixed width: asking the terminal for one, with each argument, takes a twentieth of the command's time.
    fixed = partial(argparse.HelpFormatter, width=100)
    parser = argparse.ArgumentParser(
        "v2g-ctrl", description="Control the V2G energy management system.", formatter_class=fixed
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--set-power", type=_watts, metavar="WATTS", help="AC power; negative discharges (V2G)")
    what.add_argument("--status", action="store_true", help="mode, power, faults")
    what.add_argument("--reset-trip", action="store_true", help="release the emergency shutdown and the noise latch")
    what.add_argument("--reset-soc-offset", action="store_true", help="after a calibration charge to 100 %%")
    what.add_argument("--force-limit", metavar="VALUE", help="override the SoC window: 15, 90, 15:90 (percent) or off")
    what.add_argument("--departure", metavar="TIME", help="HH:MM, ISO 8601, or none")
    what.add_argument("--v2g-window", nargs="+", metavar="TIME", help="START END as HH:MM or ISO 8601, or none")
    parser.add_argument("--departure-soc", type=_percent, metavar="PERCENT", help="wanted at --departure; default 80")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.add_argument("--socket", metavar="PATH", help="default: V2G_SOCKET, else /run/v2g/ems.sock")
    return parser


def _watts(text: str) -> float:
    value = _number(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"not a power in watts: {text!r}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _percent(text: str) -> float:
    value = _number(text.removesuffix("%"))
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"not a percentage within 0 to 100: {text!r}")
    return value


def request_of(args: argparse.Namespace) -> dict[str, Any]:
    """What the daemon is asked on its control socket."""
    if args.set_power is not None:
        return {"cmd": "set_power", "power_w": args.set_power}
    if args.force_limit is not None:
        return {"cmd": "force_limit", "value": args.force_limit}
    if args.departure is not None:
        soc = {} if args.departure_soc is None else {"soc_pct": args.departure_soc}
        return {"cmd": "departure", "at": args.departure, **soc}
    if args.v2g_window is not None:
        return {"cmd": "v2g_window", "times": args.v2g_window}
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
        f"limits     SoC {limits['min_soc_pct']:g} to {limits['max_soc_pct']:g} %{_window_text(status.get('window'))}",
        f"BMS        {'alive' if bms['alive'] else 'silent'}, SoC {soc}, frame loss {bms['loss_pct']:g} %",
        f"inverter   {'online' if inverter['online'] else 'offline'}, {inverter['state'] or 'state unknown'}",
    ]
    if run := status.get("run"):
        lines.append(f"runs       started {run['starts']} times, {run['crashes']} after a crash or power cut")
    lines += [f"limited by {reason}" for reason in status["limited_by"]]
    lines += [f"fault      {fault['code']} {fault['text']}; {fault['advice']}" for fault in status["faults"]]
    return "\n".join(lines)


def _window_text(window: dict[str, Any] | None) -> str:
    if not window:
        return ""
    text = f", in force {window['min_soc_pct']:g} to {window['max_soc_pct']:g} %"
    if window["forced_for_s"] is not None:
        text += f", forced for another {window['forced_for_s']:.0f} s"
    if window["departure"]:
        text += f", departure {window['departure']['at']} with {window['departure']['soc_pct']:g} %"
    return text + (f", V2G window {window['v2g_window']}" if window["v2g_window"] else "")


if __name__ == "__main__":
    sys.exit(main())
