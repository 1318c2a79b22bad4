"""v2g-health: the battery's health as its BMS reports it.

    v2g-health --status [--json]

Exit status: 0 done, 1 refused (with the reason), 2 usage, or the daemon cannot be reached.
"""

import argparse
import json
import sys
from typing import Any

from v2g_bench.ems.service.control_client import ControlClient, ControlError, socket_path
from v2g_bench.errors import plain_output


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    plain_output()
    parser = argparse.ArgumentParser("v2g-health", description="Battery health behind the V2G controller.")
    parser.add_argument("--status", action="store_true", required=True, help="state of health, cycles, throughput")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.add_argument("--socket", metavar="PATH", help="default: V2G_SOCKET, else /run/v2g/ems.sock")
    args = parser.parse_args(argv)
    try:
        answer = ControlClient(socket_path(args.socket)).ask({"cmd": "health"})
    except ControlError as error:
        print(f"v2g-health: {error}", file=sys.stderr)
        return 2
    if not answer["ok"]:
        print(f"v2g-health: refused: {answer['text']}", file=sys.stderr)
        return 1
    print(json.dumps(answer) if args.json else health_text(answer))
    return 0


def health_text(health: dict[str, Any]) -> str:
    """The answer for people."""
    lines = [
        f"state of health         {_number(health['soh_pct'], '%')}",
        f"cycle count             {_number(health['cycle_count'], '')}",
        f"energy throughput       {_number(health['energy_throughput_kwh'], 'kWh')}",
        f"equivalent full cycles  {_number(health['equivalent_full_cycles'], '')}",
    ]
    if capacity_ah := health.get("capacity_ah"):
        lines.append(f"capacity                {_number(capacity_ah, 'Ah')}")
    lines += _codes(health.get("trouble_codes") or {})
    if health.get("imbalance"):
        state = "complete" if health.get("balancing_charge_complete") else "due"
        lines.append(f"CELL IMBALANCE: {health['imbalance']}; no V2G, a balancing charge to 100 % is {state}")
    if health["review"]:
        limit = health["review_below_pct"]
        lines.append(f"REVIEW: health is below {limit:g} %; reconsider how much this battery takes part in V2G")
    if not health["bms_alive"]:
        lines.append("the BMS is silent: these are the last values it sent")
    return "\n".join(lines)


def _codes(readout: dict[str, Any]) -> list[str]:
    if not readout:
        return []
    if readout["source"] is None:
        return [f"trouble codes           not readable: {readout['problem']}"]
    names = [f"{code['code']} ({'active' if code['active'] else 'stored'})" for code in readout["codes"]]
    return [f"trouble codes           {', '.join(names) or 'none'}"]


def _number(value: float | None, unit: str) -> str:
    return "not reported by the BMS" if value is None else f"{value:g} {unit}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
