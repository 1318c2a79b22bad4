"""What is wrong with a run folder, as data: found by `verify`, printed by the command.

>>> result = Verification()
>>> result.wrong("changed", "main.blf", "its SHA-256 is not the manifest's")
>>> result.ok, str(result.findings[0])
(False, "changed    main.blf: its SHA-256 is not the manifest's")
"""

from dataclasses import dataclass, field

# What a capture is read with: all three lie in the run folder.
CAPTURE, DATABASE, ROLES = "main.blf", "database/bus.dbc", "database/roles.json"

FORGED_WHOLE = (
    "whoever can write the folder can forge it whole, all records alike. Who made it and when, and that no run was left out, "
    "only the seal of a known key shows"
)


@dataclass(frozen=True)
class Finding:
    """One thing that does not fit. kind: missing, changed, extra, odd, lists, rebuild, wording, profile, verdict, t0, chain,
    seal or bundle.
    """

    kind: str
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind:10} {self.where}: {self.text}"


@dataclass
class Verification:
    """Everything that was found; `done` lists what was checked and fits, `notes` what a reader should also know.

    verdicts: each measurement that was recomputed, and from what. sealed: by whom, where the seal fits; vouched: who says
    that this key is the bench's, "" for nobody. impossible: checks that the format of an older run does not allow.
    """

    findings: list[Finding] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    verdicts: list[tuple[str, str]] = field(default_factory=list)
    sealed: str = ""
    vouched: str = ""
    impossible: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def evidence(self) -> bool:
        """Whether nothing is wrong, and a key that the reader knows has sealed it."""
        return self.ok and bool(self.vouched)

    @property
    def standing(self) -> str:
        """What the folder is worth: the first line that a reader sees."""
        if self.vouched:
            return f"SEALED by {self.sealed}, {self.vouched}"
        if self.sealed:
            return f"NO EVIDENCE: sealed by {self.sealed}, which nobody here vouches for; anybody can make a key"
        return f"NO EVIDENCE: not sealed; {FORGED_WHOLE}"

    def wrong(self, kind: str, where: str, text: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(kind, where, " ".join(text.split())))
