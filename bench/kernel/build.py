"""Builds the kernel with the virtual clock from the distribution's kernel source; once per machine.

The result is kept in `images.cache_folder()`, named after the version of the source and the configuration. Nothing of the
1.5 GB of source stays.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from v2g_bench.errors import BenchError
from v2g_bench.kernel.images import CONFIG, REGISTER_BYTES, cache_folder, image_name

SOURCES = Path("/usr/src")
NEEDED_GIB = 3.0

_WHERE = "v2g-bench kernel --build"
_SOURCE_PACKAGE = "linux-source-6.1"
_PACKAGE_OF_TOOL = {
    "gcc": "gcc",
    "make": "make",
    "flex": "flex",
    "bison": "bison",
    "bc": "bc",
    "xz": "xz-utils",
    "perl": "perl",
}
_LIBC_HEADER = Path("/usr/include/stdlib.h")
_LOG_TAIL_LINES = 15
_REGISTERS = "arch/x86/um/user-offsets.c"
_ROOM = (
    f"s/HOST_FP_SIZE, 2696/HOST_FP_SIZE, {REGISTER_BYTES}/"  # newer sources ask the processor, and have no such line
)


def build() -> Path:
    """The built kernel, at once if there is one. BenchError naming every missing package, or with the compiler's words."""
    source = find_source()
    target = cache_folder() / image_name(source_version(source))
    if target.is_file():
        return target
    _require_tools()
    cache_folder().mkdir(parents=True, exist_ok=True)
    _require_room(cache_folder())
    started_s = time.monotonic()
    log = target.with_name(target.name + ".log")
    before = signal.signal(signal.SIGTERM, _on_sigterm)
    work = Path(tempfile.mkdtemp(prefix="build-", dir=cache_folder()))
    try:
        for step, command in build_steps(source, work, len(os.sched_getaffinity(0))):
            print(f"{step} ...", flush=True)
            _run(command, work, log)
        built = work / "linux"
        subprocess.run(["strip", built], check=False)
        built.replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        signal.signal(signal.SIGTERM, before)
    log.unlink()
    print(f"built in {time.monotonic() - started_s:.0f} s", flush=True)
    return target


def find_source() -> Path:
    """The newest kernel source package of the distribution; BenchError if there is none."""
    found = sorted(SOURCES.glob("linux-source-*.tar.xz"), key=_version_key)
    if not found:
        what = f"no kernel source in {SOURCES}"
        raise BenchError(_WHERE, what, f"apt-get install {_SOURCE_PACKAGE} {' '.join(missing_packages())}".rstrip())
    return found[-1]


def source_version(source: Path) -> str:
    """The package's version, such as 6.1.192-2; without dpkg, the file's name and size."""
    package = source.name.removesuffix(".tar.xz")
    if shutil.which("dpkg-query"):
        query = ["dpkg-query", "-W", "-f", "${Version}", package]
        answer = subprocess.run(query, capture_output=True, text=True, check=False, timeout=30)
        if answer.returncode == 0 and answer.stdout.strip():
            return answer.stdout.strip().replace(":", "_")
    return f"{package.removeprefix('linux-source-')}-{source.stat().st_size}"


def missing_packages() -> list[str]:
    """Of the tools that a kernel build needs, the packages that are not installed."""
    missing = [package for tool, package in _PACKAGE_OF_TOOL.items() if shutil.which(tool) is None]
    return missing + ([] if _LIBC_HEADER.exists() else ["libc6-dev"])


def build_steps(source: Path, work: Path, jobs: int) -> list[tuple[str, list[str]]]:
    """What is done, in words, and the command that does it; all run in `work`."""
    make = ["nice", "make", "ARCH=um", f"-j{jobs}"]
    return [
        (f"unpacking {source}", ["nice", "tar", "xf", str(source), "--strip-components=1", "-C", str(work)]),
        ("making room for the registers of every processor", ["sed", "-i", _ROOM, _REGISTERS]),
        ("configuring", [*make, "defconfig"]),
        ("configuring", ["scripts/kconfig/merge_config.sh", "-m", ".config", str(CONFIG)]),
        ("configuring", [*make, "olddefconfig"]),
        ("checking", ["grep", "-qx", "CONFIG_UML_TIME_TRAVEL_SUPPORT=y", ".config"]),
        (f"compiling on {jobs} CPUs (minutes)", [*make, "linux"]),
    ]


def _on_sigterm(number: int, _: object) -> None:
    raise SystemExit(128 + number)  # so that the compiler is ended and the folder removed


def _run(command: Sequence[str], folder: Path, log: Path) -> None:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        try:
            status = process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # a compiler in the background would keep the folder alive
            process.wait()
            raise
    if status != 0:
        tail = "\n".join(f"    {line}" for line in log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])
        raise BenchError(_WHERE, f"{' '.join(command)}: exit status {status}; {log} ends with", tail.lstrip())


def _require_tools() -> None:
    missing = missing_packages()
    if missing:
        what = f"the build needs {len(missing)} more package{'s' if len(missing) > 1 else ''}"
        raise BenchError(_WHERE, what, f"apt-get install {' '.join(missing)}")


def _require_room(folder: Path) -> None:
    free_gib = shutil.disk_usage(folder).free / 2**30
    if free_gib < NEEDED_GIB:
        what = f"{folder} has {free_gib:.1f} GiB free; the build needs {NEEDED_GIB:g} for a while"
        raise BenchError(_WHERE, what, "make room, or set XDG_CACHE_HOME to another disk")


def _version_key(source: Path) -> tuple[int, ...]:
    digits = source.name.removeprefix("linux-source-").removesuffix(".tar.xz").split(".")
    return tuple(int(part) if part.isdigit() else 0 for part in digits)
