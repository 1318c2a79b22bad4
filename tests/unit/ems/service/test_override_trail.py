"""Every way to tamper with the trail is found; an untouched one is whole."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from v2g_bench.ems.commands import audit as audit_command
from v2g_bench.ems.service.override_trail import AuditTrail, chained, head_path, verify_file

Lines = list[str]


def _trail(path: Path, entries: int = 5) -> AuditTrail:
    trail = AuditTrail(path)
    for number in range(entries):
        trail.append({"what": f"force-limit {number}", "who": {"uid": 0}})
    return trail


def _edited(lines: Lines) -> Lines:
    return [line.replace("force-limit 2", "force-limit 9") for line in lines]


def _forged(lines: Lines) -> Lines:
    """Edited, and its own hash made to fit."""
    record = json.loads(lines[2])
    return [*lines[:2], chained({"what": "nothing", "who": {}}, record["n"], record["prev"]), *lines[3:]]


TAMPERINGS: dict[str, tuple[Callable[[Lines], Lines], str]] = {
    "edited": (_edited, "line 3: its content was changed"),
    "forged": (_forged, "line 4: entry 4 does not follow"),
    "deleted": (lambda lines: lines[:2] + lines[3:], "line 3: entry 4 follows entry 2: 1 missing"),
    "first deleted": (lambda lines: lines[1:], "line 1: entry 2 follows entry 0"),
    "reordered": (
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        "line 3: entry 2 follows entry 3: the order",
    ),
    "doubled": (lambda lines: [*lines[:2], *lines[1:]], "line 3: entry 2 is here a second time"),
    "cut": (lambda lines: lines[:3], "the end is missing: 5 entries were written, the last one here is 3"),
    "emptied": (lambda lines: [], "the end is missing: 5 entries"),
    "inserted": (lambda lines: [*lines[:2], "{}", *lines[2:]], "line 3: is not a line of an audit trail"),
    "last replaced": (
        lambda lines: [*lines[:4], chained({"what": "nothing"}, 5, json.loads(lines[3])["hash"])],
        "the last line is not the one that was written",
    ),
}


def test_untouched_is_whole_also_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "audit.jsonl"
    _trail(path, 2)
    again = AuditTrail(path)
    assert again.problem is None
    again.append({"what": "reset-trip"})
    assert verify_file(path) == (3, [])


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "audit.jsonl"
    _trail(path)
    tamper, finding = TAMPERINGS[name]
    path.write_text("".join(f"{line}\n" for line in tamper(path.read_text(encoding="utf-8").splitlines())), "utf-8")
    assert any(finding in problem for problem in verify_file(path)[1])
    assert audit_command.main(["--verify", "--file", str(path)]) == 1
    assert finding in capsys.readouterr().err
    later = AuditTrail(path)
    assert later.problem
    later.append({"what": "reset-trip"})
    assert verify_file(path)[1], "what is written later does not heal it"


def test_torn_line_and_missing_head(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    _trail(path)
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole[:-20], encoding="utf-8")
    last = len(whole.splitlines())
    about_it = [problem for problem in verify_file(path)[1] if problem.startswith(f"line {last}:")]
    assert about_it == [f"line {last}: is torn"], "said once"
    path.write_text(whole, encoding="utf-8")
    head_path(path).unlink()
    assert "the head is missing" in verify_file(path)[1][0]


def test_power_cut_before_the_head_is_mended_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    trail = _trail(path, 1)
    kept = head_path(path).read_text(encoding="utf-8")
    trail.append({"what": "reload"})
    head_path(path).write_text(kept, encoding="utf-8")
    again = AuditTrail(path)
    assert again.problem is None
    again.append({"what": "reload"})
    assert verify_file(path) == (3, [])


@pytest.mark.parametrize("fails", ["write", "fsync"])
def test_full_disk_adds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    path = tmp_path / "audit.jsonl"
    trail = _trail(path, 2)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"os.{fails}", full)
        with pytest.raises(OSError, match="No space"):
            trail.append({"what": "reload"})
    assert verify_file(path) == (2, [])
    trail.append({"what": "reload"})
    assert verify_file(path) == (3, [])


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "audit.jsonl"
    assert audit_command.main(["--verify", "--file", str(path)]) == 2
    _trail(path, 1)
    assert audit_command.main(["--verify", "--file", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == 1
    with pytest.raises(SystemExit):
        audit_command.main([])
