"""Rig files: found by name or path, read, checked; every error names file, key and a hint.

>>> load_rig("virtual").rig.name
'virtual'
"""

import difflib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from v2g_bench.errors import BenchError
from v2g_bench.inputs.models import validated
from v2g_bench.inputs.text import read_text, toml_of
from v2g_bench.rig.file.model import Rig

HINT = "the tables: rigs/README.md; each key, its range: bench/rig/file/model.py; an example: v2g-bench files rigs"


@dataclass(frozen=True)
class LoadedRig:
    """A checked rig with the file it came from."""

    rig: Rig
    path: Path
    text: str

    @property
    def argument(self) -> str:
        """What `--rig=` takes for it here: its name where that finds this file, else the path."""
        named = shipped_rigs().get(self.path.stem)
        return self.path.stem if named is not None and named.resolve() == self.path else str(self.path)

    def resolve(self, name: str, key: str) -> Path:
        """The file that `key` of the rig names: in the rig file's folder, below its project, here, or shipped with the bench.

        BenchError if there is none.
        """
        shipped = Path(str(files("v2g_bench.dbc"))) / Path(name).name
        roots = [self.path.parent, self.path.parent.parent, Path.cwd()]
        candidates = [Path(name)] if Path(name).is_absolute() else [root / name for root in roots] + [shipped]
        for candidate in candidates:
            if candidate.is_file():
                return candidate.resolve()
        looked = ", ".join(str(candidate) for candidate in dict.fromkeys(candidates))
        raise BenchError(f"{self.path}: {key}", f"no such file: {name}", f"looked at {looked}")


def shipped_rigs() -> dict[str, Path]:
    """The rig files that ship with the bench, and those under ./rigs, by name."""
    found = {path.stem: path for path in sorted(Path(str(files("v2g_bench.rigs"))).glob("*.toml"))}
    found |= {path.stem: path for path in sorted(Path("rigs").glob("*.toml"))}
    return found


def load_rig(name_or_path: str) -> LoadedRig:
    """Read and check one rig file; BenchError with file, key and a hint for anything invalid in it."""
    path = _find(name_or_path)
    text = read_text(path, "can you read that file?")
    data = toml_of(text, str(path), "fix that line; the format is described at toml.io")
    return LoadedRig(validated(Rig, data, str(path), HINT, root="rig"), path, text)


def _find(name_or_path: str) -> Path:
    rigs = shipped_rigs()
    if name_or_path in rigs:
        return rigs[name_or_path].resolve()
    path = Path(name_or_path)
    if path.is_file():
        return path.resolve()
    close = difflib.get_close_matches(name_or_path, rigs, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise BenchError(
        f"--rig={name_or_path}",
        "no such rig, and no such file",
        f"{hint}rigs here: {', '.join(rigs)}, or a path to a file",
    )
