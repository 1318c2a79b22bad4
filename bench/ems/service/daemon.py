"""v2g-daemon: the controller as a process.

    v2g-daemon --config ems.toml            runs until SIGTERM; SIGHUP reloads limits.conf and thermal-policy.json
    v2g-daemon --config ems.toml --reload   asks the running one to do that

Exit status: 0 done, 1 refused, 2 configuration or usage (one message: file, key, hint), 70 internal error.
`--core MODULE:FACTORY` is a test hook for seeded defects: FACTORY(EmsSettings) -> Ems replaces the controller's core;
MODULE is a dotted name or the path of a .py file.
"""

import argparse
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from v2g_bench import __version__
from v2g_bench.ems.service.control_client import DEFAULT_SOCKET, ControlClient, ControlError
from v2g_bench.errors import BenchError, plain_output

if TYPE_CHECKING:
    from v2g_bench.ems.core.controller import Ems
    from v2g_bench.ems.core.parts import EmsSettings

_USAGE = 2


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    plain_output()
    args = _parser().parse_args(argv)
    try:
        return _reload(args.config, args.socket) if args.reload else _run(args.config, args.core)
    except (BenchError, ControlError) as error:
        print(f"v2g-daemon: {error}", file=sys.stderr)
        return _USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("v2g-daemon", description="Reference energy management system for V2G.")
    parser.add_argument("--version", action="version", version=f"v2g-daemon {__version__}")
    parser.add_argument("--config", type=Path, default=Path("/etc/v2g/ems.toml"), help="default: %(default)s")
    parser.add_argument("--reload", action="store_true", help="let the running daemon reload its limits")
    parser.add_argument("--socket", help="control socket for --reload; else V2G_SOCKET, else from the configuration")
    parser.add_argument("--core", metavar="MODULE:FACTORY", help="test hook: a core with a seeded defect")
    return parser


def _reload(config: Path, socket: str | None) -> int:
    path = socket or os.environ.get("V2G_SOCKET") or _socket_of(config)
    answer = ControlClient(path).ask({"cmd": "reload"})
    print(f"v2g-daemon: {answer['text']}", file=sys.stdout if answer["ok"] else sys.stderr)
    return 0 if answer["ok"] else 1


def _socket_of(config: Path) -> str:
    """Where the daemon of this configuration listens. BenchError as `load_config`."""
    if not config.exists():
        return DEFAULT_SOCKET
    from v2g_bench.inputs.text import read_toml

    try:  # the running daemon has judged the file: to judge it again takes two thirds of the command's time
        configured = read_toml(config)["control"]["socket"]
        return str(config.resolve().parent / configured)
    except (BenchError, LookupError, TypeError):
        from v2g_bench.ems.model.config import load_config

        return str(load_config(config).control.socket)


def _run(path: Path, core: str | None) -> int:
    # Almost nothing that is allocated from here on is freed again, and collecting takes an eighth of the start:
    # `Service.run` enables it. A controller that is restarted protects nothing until it runs.
    gc.disable()

    # Here, because --reload and --help should not wait for numpy and the CAN libraries.
    import asyncio

    from v2g_bench.can.database import BusDatabase
    from v2g_bench.ems.core.controller import Ems
    from v2g_bench.ems.core.parts import EmsSettings
    from v2g_bench.ems.model.bus_plan import plan_bus
    from v2g_bench.ems.model.config import load_config
    from v2g_bench.ems.service.reload import load_files
    from v2g_bench.ems.service.service import Service
    from v2g_bench.ems.service.state_file import load_state

    config = load_config(path)
    _require_readable(config.bms.dbc)
    db = BusDatabase.load(config.bms.dbc, config.bms.roles)
    limits, policy = load_files(config)
    settings = EmsSettings(plan_bus(db, config.thresholds.bms_timeout_s), config.thresholds, limits, policy)
    ems = (core_factory(core) if core else Ems)(settings)
    kept = load_state(config.files.state) if config.files.state else {}
    ems.restore(kept)

    async def serve() -> int:
        return await Service(config, db, ems, kept).run()

    return asyncio.run(serve())


def _require_readable(dbc: Path) -> None:
    """Raises: BenchError when there is no such file, or one that would hold up whoever opens it."""
    from v2g_bench.inputs.files import require_regular

    try:
        require_regular(dbc)
    except OSError as error:
        raise BenchError(f"{dbc}: bms.dbc", f"cannot be read: {error.strerror}", "give the BMS's DBC file") from error


def core_factory(reference: str) -> "Callable[[EmsSettings], Ems]":
    """The factory behind MODULE:FACTORY. Raises: BenchError."""
    import importlib
    import importlib.util

    name, _, factory = reference.rpartition(":")
    hint = "write MODULE:FACTORY, MODULE a dotted name or a .py file"
    try:
        if name.endswith(".py"):
            spec = importlib.util.spec_from_file_location(Path(name).stem, name)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module(name)
        found: Callable[[EmsSettings], Ems] = getattr(module, factory)
    except (ImportError, OSError, AttributeError, ValueError) as error:
        raise BenchError(f"--core {reference}", f"cannot be loaded: {error}", hint) from error
    return found


if __name__ == "__main__":
    sys.exit(main())
