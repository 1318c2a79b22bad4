"""What a certification demands: which requirements must be tested, how often, for how long and in how many situations.

A profile is a TOML file; `emulated`, `hardware` and `certification` ship in `rigs/profiles/`. A rig names one (`profile`), or
gets that of its evidence grade. `[default]` states every figure, `[families.NAME]` and `[requirements.ID]` what is otherwise
for them. `edition` is changed with any figure. `base` names a
shipped profile that a file builds upon.

>>> from v2g_bench.rig.file.load import load_rig
>>> profile = profile_of(load_rig("virtual"))
>>> profile.name, profile.demand("EMC-01", "emc").mandatory
('emulated 1', 'no')
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from v2g_bench.errors import BenchError
from v2g_bench.inputs.models import Checked, validated
from v2g_bench.inputs.ranges import LongTimeS, Share, Trials
from v2g_bench.inputs.text import read_text, toml_of
from v2g_bench.rig.file.load import LoadedRig

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
HINT = "fix that line; the format is described at toml.io"
Mandatory = Literal["yes", "no", "if claimed"]


@dataclass(frozen=True)
class Demand:
    """What is demanded of one requirement.

    mandatory: whether it must be tested; "if claimed": only where the controller claims it. trials: repetitions of one
    measurement. lives: trips that one controller goes through without a restart. watch_s: how long what must not happen is
    watched for, on the rig's clock. matrix_share: of the rows of the matrix of states and dangers, 0..1. test_s, trial_s: after
    which time a test has hung, without its trials and for each of them.
    """

    mandatory: Mandatory
    trials: int
    lives: int
    watch_s: float
    matrix_share: float
    test_s: float
    trial_s: float


class _Figures(Checked):
    mandatory: Mandatory
    trials: Trials
    lives: Trials
    watch_s: LongTimeS
    watch_virtual_s: LongTimeS  # in place of watch_s where time is simulated
    matrix_share: Share
    test_s: LongTimeS
    trial_s: LongTimeS


class _Otherwise(Checked):
    mandatory: Mandatory | None = None
    trials: Trials | None = None
    lives: Trials | None = None
    watch_s: LongTimeS | None = None
    watch_virtual_s: LongTimeS | None = None
    matrix_share: Share | None = None
    test_s: LongTimeS | None = None
    trial_s: LongTimeS | None = None


class _File(Checked):
    base: str = ""
    id: Word
    edition: Word
    default: _Figures
    families: dict[Word, _Otherwise] = Field(default_factory=dict)
    requirements: dict[Word, _Otherwise] = Field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """A checked profile with the file that it came from. virtual: whether the rig's clock is simulated.

    text: of that file; base_text: of the one that it builds upon, "" without.
    """

    file: _File
    path: Path
    text: str
    virtual: bool
    shipped: bool
    base_text: str = ""

    @property
    def name(self) -> str:
        """Its id and edition, as a report quotes them."""
        return f"{self.file.id} {self.file.edition}"

    @property
    def sha256(self) -> str:
        """Of its file; where that builds upon another, of both with a line's end between, the base first."""
        return hashlib.sha256("\n".join(filter(None, (self.base_text, self.text))).encode()).hexdigest()

    def demand(self, requirement: str, family: str) -> Demand:
        """What it demands of one requirement."""
        found = self.file.default.model_dump()
        for other in (self.file.families.get(family), self.file.requirements.get(requirement)):
            if other is not None:
                found |= other.model_dump(exclude_none=True)
        virtual_s = found.pop("watch_virtual_s")
        return Demand(**found | ({"watch_s": virtual_s} if self.virtual else {}))

    def require_known(self, families: Mapping[str, str]) -> None:
        """BenchError for an id or a family that this suite does not have. families: requirement -> family.

        A shipped profile is about the shipped suite, and may be used with another one, of which it then states the default.
        """
        if self.shipped:
            return
        unknown("families", self.file.families, families.values(), self.path)
        unknown("requirements", self.file.requirements, families, self.path)


def strictest(demands: Iterable[Demand]) -> Demand:
    """What a test has to meet that belongs to several requirements: of each figure the largest."""
    several = list(demands)
    mandatory = min((one.mandatory for one in several), key=("yes", "if claimed", "no").index)
    figures = [one.name for one in fields(Demand) if one.name != "mandatory"]
    return Demand(mandatory=mandatory, **{name: max(getattr(one, name) for one in several) for name in figures})


def unknown(key: str, named: Iterable[str], known: Iterable[str], path: Path) -> None:
    """BenchError for the first of `named` that is not among `known`; key: where the file at `path` names it."""
    there = set(known)
    for one in named:
        if one not in there:
            raise BenchError(
                f"{path}: {key}", f"no such requirement or family: {one}", f"known: {', '.join(sorted(there))}"
            )


def shipped_profiles() -> dict[str, Path]:
    """The profiles that ship with the bench, by name."""
    return {path.stem: path for path in sorted(Path(str(files("v2g_bench.rigs"))).glob("profiles/*.toml"))}


def profile_of(loaded: LoadedRig) -> Profile:
    """The profile of a rig; BenchError with file and key where there is none, or something in it is invalid."""
    rig, known = loaded.rig, shipped_profiles()
    name = rig.profile or ("hardware" if rig.evidence == "hardware" else "emulated")
    shipped = name in known
    path = known[name] if shipped else loaded.path.parent / name
    if not path.is_file():
        raise BenchError(
            f"{loaded.path}: profile", f"no such profile: {name}", f"{', '.join(known)}, or a file beside the rig's"
        )
    text, base_text = read_text(path, "can you read that file?"), ""
    data = toml_of(text, str(path), HINT)
    if (base := data.get("base")) is not None:
        if base not in known:
            raise BenchError(f"{path}: base", f"no such shipped profile: {base}", f"known: {', '.join(known)}")
        base_text = read_text(known[base])
        data = _upon(toml_of(base_text, str(known[base]), HINT), data)
    file = validated(_File, data, str(path))
    if not shipped and file.id in known:
        if text != read_text(known[file.id]):
            hint = f'give it an id of its own; base = "{file.id}" builds upon the one that ships'
            raise BenchError(f"{path}: id", f"{file.id} ships with the bench, and states other figures", hint)
        shipped = True
    return Profile(file, path, text, rig.simulated, shipped, base_text)


def _upon(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """`base` with what `own` states otherwise, table by table."""
    tables = {key: _upon(base[key], value) for key, value in own.items() if isinstance(value, dict) and key in base}
    return base | own | tables
