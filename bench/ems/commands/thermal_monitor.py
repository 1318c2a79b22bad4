"""v2g-thermal-monitor: writes down the pack's temperatures, the cooling and what the derating map takes away.

    v2g-thermal-monitor [--socket PATH] [--interval 1] [--once]

One line of KEY=VALUE on stdout, which is the journal under thermal-monitor.service, whenever something worth a line has
changed: a kelvin, the pump, a limit. It only watches: cooling and trips are the daemon's own, with or without it.

Exit status: 0 ended by SIGTERM or --once, 2 usage, 3 the daemon has not answered for 30 s (systemd starts it again).
"""

import argparse
import signal
import sys
import threading
import time
from typing import Any

from v2g_bench.ems.service.control_client import ControlClient, ControlError, socket_path
from v2g_bench.errors import plain_output

_PATIENCE_S = 30.0
_SILENT = 3


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    plain_output()
    parser = argparse.ArgumentParser("v2g-thermal-monitor", description="Log temperatures, cooling and derating.")
    parser.add_argument("--interval", type=float, default=1.0, metavar="SECONDS", help="default: %(default)s")
    parser.add_argument("--once", action="store_true", help="one line, then end")
    parser.add_argument("--socket", metavar="PATH", help="default: V2G_SOCKET, else /run/v2g/ems.sock")
    args = parser.parse_args(argv)
    if not 0.05 <= args.interval <= 3600:
        parser.error("--interval is not within 0.05 to 3600 s")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    return _watch(ControlClient(socket_path(args.socket)), args.interval, args.once, ended)


def _watch(client: ControlClient, interval_s: float, once: bool, ended: threading.Event) -> int:
    shown_line, answered_s = "", time.monotonic()
    while not ended.is_set():
        try:
            status = client.ask({"cmd": "status"})
            if not status["ok"]:
                raise ControlError(str(status["text"]))
            line = thermal_line(status)
            answered_s = time.monotonic()
        except ControlError as error:
            line = f"daemon=silent problem={str(error).splitlines()[0]!r}"
            if once or time.monotonic() - answered_s > _PATIENCE_S:
                print(line, flush=True)
                return _SILENT
        if line != shown_line:
            shown_line = line
            print(line, flush=True)
        if once:
            return 0
        ended.wait(interval_s)
    return 0


def thermal_line(status: dict[str, Any]) -> str:
    """The thermal part of the status; temperatures in whole °C, so that a new line means a change."""
    bms = status["bms"]
    derated = [reason for reason in status["limited_by"] if "derating" in reason or "0x01A2" in reason]
    return " ".join(
        (
            f"hottest_c={_whole(bms['hottest_c'])}",
            f"gradient_k={_whole(bms['gradient_k'])}",
            f"cooling={'on' if status['cooling_request'] else 'off'}",
            f"precooling={'on' if status['precooling'] else 'off'}",
            f"trigger_c={status['cooling_trigger_c']:g}",
            f"derated={'; '.join(derated)!r}" if derated else "derated=no",
        )
    )


def _whole(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0f}"


if __name__ == "__main__":
    sys.exit(main())
