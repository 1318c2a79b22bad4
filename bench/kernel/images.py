"""Which kernels there are on this machine: the distribution's (real clock) and the one built here (either clock).

The distribution's before 6.13 has room for 2,696 bytes of floating-point registers and vectors. A processor with AMX has
11,008; a program there cannot even be started, and the kernel built here, which has the room, takes its place.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from v2g_bench.errors import BenchError

CONFIG = Path(__file__).with_name("time-travel.config")
REAL_CLOCK, VIRTUAL_CLOCK = "real clock", "virtual clock (time travel)"

PACKAGE_HINT = "apt-get install user-mode-linux"
BUILD_HINT = "v2g-bench kernel --build"

REGISTER_BYTES = 12_288  # the room that a built kernel has for a program's floating-point registers and vectors
CPUINFO = Path("/proc/cpuinfo")
_FIRST_WITH_ROOM = (6, 13)  # Linux: "um: switch to regset API and depend on XSTATE"

_MODULE_ROOT = Path("/usr/lib/uml/modules")
_MODULES = (  # in the order of their dependence
    "net/can/can.ko",
    "net/can/can-raw.ko",
    "net/can/can-bcm.ko",
    "net/can/can-gw.ko",
    "drivers/net/can/dev/can-dev.ko",
    "drivers/net/can/vcan.ko",
)


@dataclass(frozen=True)
class KernelImage:
    """A user-mode kernel: its program, the modules to load before there is CAN, its clock in words."""

    program: Path
    modules: tuple[Path, ...]
    clock: str
    boot_arguments: tuple[str, ...] = ()


def real_clock_image() -> KernelImage:
    """Debian's, or the one built here where Debian's cannot run; BenchError if it, or a module of it, is not there."""
    _require_x86()
    program = shutil.which("linux.uml")
    if program is None:
        raise BenchError("v2g-bench kernel", "there is no user-mode kernel on this machine", PACKAGE_HINT)
    release = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    if not _has_room(release):
        return KernelImage(
            _newest_built(f"{program} cannot run on this processor: its registers (AMX) are too many"), (), REAL_CLOCK
        )
    modules = tuple(_MODULE_ROOT / release.strip() / "kernel" / module for module in _MODULES)
    for module in modules:
        if not module.is_file():
            raise BenchError("v2g-bench kernel", f"{program} has no module {module}", PACKAGE_HINT)
    return KernelImage(Path(program), modules, REAL_CLOCK)


def virtual_clock_image() -> KernelImage:
    """The newest that was built with today's configuration; BenchError if there is none."""
    _require_x86()
    program = _newest_built(f"no time-travel kernel of this configuration in {cache_folder()}")
    return KernelImage(program, (), VIRTUAL_CLOCK, ("time-travel=inf-cpu",))


def cache_folder() -> Path:
    """Where built kernels are kept: outside the project, so that every checkout shares them."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "v2g-bench"


def image_name(source_version: str) -> str:
    """File name of a built kernel: the version of its source and a hash of what is made of it."""
    recipe = CONFIG.read_bytes() + str(REGISTER_BYTES).encode()
    return f"linux-um-time-travel-{source_version}-{hashlib.sha256(recipe).hexdigest()[:12]}"


def _newest_built(otherwise: str) -> Path:
    built = sorted(cache_folder().glob(image_name("*")), key=lambda path: path.stat().st_mtime)
    if not built:
        raise BenchError("v2g-bench kernel", otherwise, BUILD_HINT)
    return built[-1]


def _has_room(release: str) -> bool:
    """Whether a distribution's kernel can hold this processor's registers."""
    version = tuple(int(number) for number in re.findall(r"\d+", release)[:2])
    return version >= _FIRST_WITH_ROOM or "amx_tile" not in CPUINFO.read_text(encoding="ascii").split()


def _require_x86() -> None:
    if platform.machine() not in ("x86_64", "i686"):
        what = f"user-mode Linux runs on x86, this machine is {platform.machine()}"
        raise BenchError("v2g-bench kernel", what, "use the userland bus: pytest --rig=vcan0 without --rig-strict")
