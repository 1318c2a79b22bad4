"""What the profile that a run kept holds mandatory, against what its results say of each requirement.

Of a profile that builds upon another the folder has both files; the digest in the results is that of both, the base first.
"""

import hashlib
from collections import ChainMap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.inputs.text import read_text, read_toml, toml_of
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.foreign import OTHER_PROFILE, PROFILES, begins
from v2g_bench.reports.model.run import Profile, Requirement, Run
from v2g_bench.reports.verify.suite import code_of_tests
from v2g_bench.reports.verify.waveform_file import inside


def check_demand(folder: Path, run: Run, result: Verification) -> None:
    """Add to `result` each requirement that is mandatory by the profile and not by the results, or the other way round."""
    if run.profile is None:
        return
    name = f"profile-{run.profile.id}"
    try:
        texts = [read_text(inside(folder, f"{name}.toml"))]
        if "base" in toml_of(texts[0], f"{name}.toml"):
            texts.append(read_text(inside(folder, f"{name}.base.toml")))
        tables = [toml_of(text, name) for text in texts]
        wrong = [one for one in run.requirements if one.mandatory != _mandatory(tables, one)]
    except (BenchError, AttributeError, TypeError) as error:  # a table that is none
        result.wrong("profile", f"{name}.toml", f"cannot be read: {error}")
        return
    if hashlib.sha256("\n".join(reversed(texts)).encode()).hexdigest() != run.profile.sha256:
        result.wrong("profile", f"{name}.toml", "is not the one that results.json states the digest of")
    if code_of_tests(folder) is not None:  # older runs state no profile as a deviation
        _shipped(run, run.profile, tables[0], f"{name}.toml", result)
    for one in wrong:
        result.wrong(
            "profile",
            one.id,
            f"results.json says that it is {'' if one.mandatory else 'not '}mandatory, the profile says otherwise",
        )
    result.done.append(f"{len(run.requirements)} requirements against what the profile holds mandatory")


def _shipped(run: Run, profile: Profile, table: Mapping[str, Any], name: str, result: Verification) -> None:
    """Of a shipped id and edition, the figures are those that ship; any other profile is a deviation."""
    path = PROFILES / f"{profile.id}.toml"
    if path.is_file() and path.parent == PROFILES:
        here = read_toml(path)
        if here.get("edition") != profile.edition:
            result.notes.append(f"{name} is of edition {profile.edition}, which is not here: it is not compared")
        elif here != table:
            result.wrong(
                "profile", name, f"is not the profile {profile.id} {profile.edition} that ships with the bench"
            )
    elif not any(begins(text, [OTHER_PROFILE]) for text in run.deviations):
        result.wrong("profile", name, "does not ship with the bench, and no deviation says so")


def _mandatory(tables: Sequence[Mapping[str, Any]], requirement: Requirement) -> bool:
    """By the first that states it: of this requirement, its family, all; each of the profile itself, then of its base."""
    stated = ChainMap(
        *(one.get("requirements", {}).get(requirement.id, {}) for one in tables),
        *(one.get("families", {}).get(requirement.family, {}) for one in tables),
        *(one.get("default", {}) for one in tables),
    ).get("mandatory")
    if stated not in ("yes", "no", "if claimed"):
        raise BenchError("mandatory", f"is {stated!r} for {requirement.id}")
    return stated == "yes" or (stated == "if claimed" and not requirement.not_applicable_reason)
