"""Rig files: found by name or path, read, checked; every error names file, key and a hint.

>>> load_rig("virtual").rig.name
'virtual'
"""

import difflib
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from v2g_bench.errors import BenchError
from v2g_bench.rig.model import Rig


@dataclass(frozen=True)
class LoadedRig:
    """A checked rig with the file it came from."""

    rig: Rig
    path: Path
    text: str

    def resolve(self, name: str, key: str) -> Path:
        """The file that `key` of the rig names: beside the rig file, below its project, here, or shipped with the bench.

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
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise BenchError(str(path), error.strerror or str(error), "can you read that file?") from None
    except UnicodeDecodeError as error:
        raise BenchError(str(path), f"not UTF-8 text: {error.reason}", "save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise BenchError(str(path), f"not TOML: {error}", "fix that line; the format is described at toml.io") from None
    try:
        return LoadedRig(Rig.model_validate(data), path, text)
    except ValidationError as error:
        raise BenchError(str(path), _explain(error), f"try: v2g-bench check --rig={name_or_path}") from None


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


def _explain(error: ValidationError) -> str:
    """All errors of one file, a line each: key, what is wrong, what it might have been."""
    lines = []
    for item in error.errors():
        location = [str(step) for step in item["loc"]]
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = f"unknown key{_close_key(location)}"
        elif item["type"] == "missing":
            message = "is missing"
        elif item["type"] not in ("value_error",):
            message = f"{message}, not {item['input']!r}"
        lines.append(f"{'.'.join(location) or 'rig'}: {message}")
    return "; ".join(dict.fromkeys(lines))


def _close_key(location: list[str]) -> str:
    """ ", did you mean X?" for a misspelt key, from the model that the key stands in."""
    known: dict[str, Any] = {}
    model: Any = Rig
    for step in location[:-1]:
        field = model.model_fields.get(step) if isinstance(model, type) and issubclass(model, BaseModel) else None
        if field is None:
            continue
        model = _model_in(field.annotation)
    if isinstance(model, type) and issubclass(model, BaseModel):
        known = dict(model.model_fields)
    close = difflib.get_close_matches(location[-1], known, n=1)
    return f", did you mean {close[0]}?" if close else f" (known: {', '.join(known)})" if known else ""


def _model_in(annotation: Any) -> Any:
    """The model inside an annotation such as `Meter | None` or `dict[str, Bus]`; the annotation itself if none."""
    for part in getattr(annotation, "__args__", ()):
        inner = _model_in(part)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner
    return annotation
