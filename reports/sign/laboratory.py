"""The laboratory's list of the keys that seal for it, each with the days on which its seals count.

It is of whoever judges a run, and never of the run: `--laboratory FILE`, else $V2G_LABORATORY, else `laboratory.toml` in the
operator's configuration ($XDG_CONFIG_HOME/v2g-bench, by default ~/.config/v2g-bench). A list that lies in the run folder is
refused.

    [[key]]
    name = "Bench 3"
    fingerprint = "SHA256:…"                   # as `v2g-bench key` prints it
    since = 2026-01-01
    until = 2027-12-31
    revoked = 2026-06-01                       # where it was: from this day on it seals nothing

    [[time_stamp]]
    name = "TSA of the institute"
    certificate = "tsa.pem"                    # its own, or of an authority above it; beside this list
"""

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import Field

from v2g_bench.errors import BenchError
from v2g_bench.inputs.files import read_bytes
from v2g_bench.inputs.models import Checked, validated
from v2g_bench.inputs.text import read_text, toml_of

LABORATORY, FILE = "V2G_LABORATORY", "laboratory.toml"


class ListedKey(Checked):
    """One key of the laboratory, by the fingerprint of its public part."""

    name: str
    fingerprint: Annotated[str, Field(pattern=r"^SHA256:[0-9a-f]{64}$")]
    since: date
    until: date
    revoked: date | None = None

    def refusal(self, day: date) -> str:
        """Why its seal of that day does not count; "" where it does."""
        if not self.since <= day <= self.until:
            return f"key {self.name} counts from {self.since} to {self.until}, and sealed it on {day}"
        if self.revoked is not None and self.revoked <= day:
            return f"key {self.name} was revoked on {self.revoked}, and sealed it on {day}"
        return ""


class _ListedServer(Checked):
    name: str
    certificate: str


class _File(Checked):
    key: tuple[ListedKey, ...] = ()
    time_stamp: tuple[_ListedServer, ...] = ()


@dataclass(frozen=True)
class TimeStampServer:
    """One that the laboratory believes. certificates: its own or of an authority above it (DER)."""

    name: str
    certificates: tuple[bytes, ...]


@dataclass(frozen=True)
class Laboratory:
    """The keys and the time stamp servers on the list, and the file that it was read from."""

    path: Path
    keys: tuple[ListedKey, ...]
    time_stamps: tuple[TimeStampServer, ...] = ()

    def refusal(self, fingerprint: str, day: date) -> str:
        """Why a seal of this key (`keys.fingerprint`) on that day does not count; "" where it does."""
        found = [key.refusal(day) for key in self.keys if key.fingerprint == fingerprint]
        unknown = f"key {fingerprint[:23]}… is not on the laboratory's list {self.path}: anybody can make a key"
        return unknown if not found else "" if "" in found else found[0]


def laboratory(option: Path | None, run: Path) -> Laboratory | None:
    """The list that counts here for the folder or bundle `run`; None where this operator has none.

    option: the one named on the command line. BenchError where it cannot be read, or is the run's own.
    """
    named = option or (Path(text) if (text := os.environ.get(LABORATORY)) else None)
    path = named or _configuration() / FILE
    if named is None and not path.is_file():
        return None
    if path.resolve().is_relative_to(run.resolve()):
        raise BenchError(
            str(path), "lies in the run folder: a run cannot vouch for itself", "name the laboratory's own"
        )
    file = validated(_File, toml_of(read_text(path, "can you read that file?"), str(path)), str(path))
    servers = [TimeStampServer(one.name, _certificates(path.parent / one.certificate, run)) for one in file.time_stamp]
    return Laboratory(path, file.key, tuple(servers))


def _certificates(path: Path, run: Path) -> tuple[bytes, ...]:
    if path.resolve().is_relative_to(run.resolve()):
        raise BenchError(str(path), "lies in the run folder: a run cannot vouch for itself")
    try:
        found = x509.load_pem_x509_certificates(read_bytes(path))
    except OSError as error:
        raise BenchError(str(path), f"cannot be read: {error.strerror}", "it is named beside the list") from None
    except ValueError as error:
        raise BenchError(str(path), f"holds no certificate: {error}", "give PEM") from None
    return tuple(one.public_bytes(Encoding.DER) for one in found)


def _configuration() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".config") / "v2g-bench"
