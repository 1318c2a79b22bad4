"""A long night on a full bus: how much memory the capture takes, and the export after it, frame by frame.

    python tests/benchmarks/bench_night.py [--frames 10000000] [--folder DIR]

A bus of 64-byte FD frames at 500 kbit/s and 2 Mbit/s, stamped as fast as it could carry them, goes through a `Capture`
with its BLF file as fast as that takes them; then the file becomes MF4 and Parquet (`export_run`). Each part is a
process of its own, whose resident memory is printed while it works. 10 million frames are 57 minutes of that bus; they
take 2 GB of disk. Exit status 1 if a part goes beyond 300 MB, or if its later half grows by 10 MB.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import can

from v2g_bench.can.capture import Capture
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.export import export_run
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path

MOST_MB, GROWTH_MB = 300.0, 10.0
FRAME_S = 341.8e-6  # a 64-byte FD frame of random bytes at 500 kbit/s and 2 Mbit/s, with its stuff bits
LINES = 20
VARIETY = 256
EXPORT_S = 10.0  # about what a million frames take


def rss_mb() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def variety(db: BusDatabase) -> list[can.Message]:
    """7 frames of 64 bytes and one of the safety message in turn, each with its counter and checksum."""
    cells = {f"cell_voltage[{n}]": 3.7 for n in range(1, 33)}
    made = []
    for n in range(VARIETY):
        safety = {"cell_temperature_max": 20.0 + n / 16, "string_voltage_difference": 0.01}
        name, values = ("BMS_Safety", safety) if n % 8 == 7 else ("BMS_CellVoltages1", cells)
        made.append(db.encode(name, values, n))
    return made


class NightBus(can.BusABC):
    """Gives `count` frames, each FRAME_S after the one before; then nothing."""

    def __init__(self, frames: list[can.Message], count: int) -> None:
        super().__init__(channel="night")
        self.channel_info, self.lost = "a full bus", 0
        self._frames, self._count, self._start_s = frames, count, time.time()
        self.given = 0

    def recv(self, timeout: float | None = None) -> can.Message | None:
        """The next one at once."""
        if self.given == self._count:
            time.sleep(0.01)
            return None
        message = self._frames[self.given % VARIETY]
        message.timestamp = self._start_s + self.given * FRAME_S
        self.given += 1
        return message

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        """Nobody sends."""


def keep_database(folder: Path) -> None:
    """As a run folder has it."""
    (folder / "database").mkdir()
    (folder / "database" / "bus.dbc").write_bytes(dbc_path("v2g_bms_fd").read_bytes())
    (folder / "database" / "roles.json").write_text(json.dumps(read_roles(roles_path("v2g_bms_fd"))))


@contextmanager
def curve(title: str, done: Callable[[], float]) -> Iterator[None]:
    """Print the resident memory each time that another LINES-th of the work is done, and judge it at the end."""
    seen, ended, began_s = [rss_mb()], threading.Event(), time.monotonic()
    print(f"{title}: {seen[0]:.0f} MB before", flush=True)

    def watch() -> None:
        line = 1
        while not ended.wait(0.1):
            seen.append(rss_mb())
            if LINES * done() >= line:
                took_s = time.monotonic() - began_s
                print(f"  {100 * done():4.0f} %  {took_s:6.1f} s  {seen[-1]:6.1f} MB", flush=True)
                line = int(LINES * done()) + 1

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield
    ended.set()
    thread.join()
    half = seen[len(seen) // 2 :]
    growth = max(half[len(half) // 2 :]) - max(half[: len(half) // 2])
    took_s = time.monotonic() - began_s
    print(f"  peak {max(seen):.1f} MB, third to fourth quarter {growth:+.1f} MB, {took_s:.1f} s", flush=True)
    if max(seen) > MOST_MB or growth > GROWTH_MB:
        sys.exit(f"{title}: its memory grows")


def capture(folder: Path, count: int) -> None:
    """The frames through a capture."""
    db = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))
    bus = NightBus(variety(db), count)
    with Capture(bus, folder / "main.blf") as record, curve("capture", lambda: len(record) / count):
        while len(record) < count:
            record.check()
            time.sleep(0.1)
    bus.shutdown()
    keep_database(folder)


def export(folder: Path, count: int) -> None:
    """The capture's file as MF4 and Parquet. It does not tell how far it is: % of EXPORT_S per million frames."""
    began_s = time.monotonic()
    with curve("export", lambda: (time.monotonic() - began_s) / (EXPORT_S * count / 1e6)):
        export_run(folder)


def main() -> None:
    """Both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=None, help="where the files go (a temporary folder)")
    parser.add_argument("--part", choices=("capture", "export"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        {"capture": capture, "export": export}[options.part](options.folder, options.frames)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for part in ("capture", "export"):
            words = [sys.executable, __file__, "--frames", str(options.frames), "--folder", folder, "--part", part]
            if status := subprocess.run(words, check=False).returncode:
                sys.exit(status)
        sizes = [f"{path.name} {path.stat().st_size / 1e6:.0f} MB" for path in sorted(Path(folder).glob("main.*"))]
        print(f"{options.frames:,} frames: {', '.join(sizes)}")


if __name__ == "__main__":
    main()
