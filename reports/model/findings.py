"""What is wrong with a run folder, as data: found by `verify`, printed by the command.

>>> result = Verification()
>>> result.wrong("changed", "main.blf", "its SHA-256 is not the manifest's")
>>> result.ok, str(result.findings[0])
(False, "changed    main.blf: its SHA-256 is not the manifest's")
"""

from dataclasses import dataclass, field

# What a capture is read with: all three lie in the run folder.
CAPTURE, DATABASE, ROLES = "main.blf", "database/bus.dbc", "database/roles.json"


@dataclass(frozen=True)
class Finding:
    """One thing that does not fit. kind: missing, changed, extra, lists, rebuild, wording, profile, verdict, t0, seal or
    bundle.
    """

    kind: str
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind:10} {self.where}: {self.text}"


@dataclass
class Verification:
    """Everything that was found; `done` lists what was checked and fits, `notes` what a reader should also know.

    verdicts: each measurement that was recomputed, and from what.
    """

    findings: list[Finding] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    verdicts: list[tuple[str, str]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def wrong(self, kind: str, where: str, text: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(kind, where, " ".join(text.split())))
