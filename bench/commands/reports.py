"""The subcommands of `v2g-bench` that read run folders: verify, report, bundle, key, seal, issue, history.

Each prints what it found and returns 0 when all is in order, 1 when something is not; `verify` 3 where all fits together, and
no key that the reader knows has sealed it.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from v2g_bench.errors import readable
from v2g_bench.inputs.ranges import Within
from v2g_bench.reports.sign.seal_run import KEY, seal_if_asked

if TYPE_CHECKING:
    from v2g_bench.reports.history.index import History
    from v2g_bench.reports.model.findings import Verification

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

RUNS = Within(1, 1_000_000)
NO_EVIDENCE = 3


def configure(commands: "Subparsers") -> None:
    """Add the subcommands to an argparse object of subparsers."""
    verify = _add(commands, "verify", _verify, "check every byte of a run, and recompute its verdicts")
    verify.add_argument("run_folder", type=Path, metavar="RUN|BUNDLE", help="a run folder, or a bundle of one")
    verify.add_argument("--verdicts", action="store_true", help="print what each verdict was recomputed from")
    verify.add_argument("--trust", type=Path, metavar="PEM", help="the certificate that must have sealed it")
    _laboratory(verify)
    verify.add_argument(
        "--heads", type=Path, metavar="LOG", help="a text in which the run has published its heads, as its terminal's"
    )
    verify.add_argument(
        "--time-stamps", type=Path, metavar="DIR", help="the answers (*.tsr) of a time stamp server to the run's heads"
    )
    report = _add(commands, "report", _report, "reproduce a run's report, byte for byte")
    report.add_argument("run_folder", type=Path, metavar="RUN")
    report.add_argument("--out", type=Path, metavar="DIR", help="write there (default: in the run folder)")
    bundle = _add(commands, "bundle", _bundle, "pack a run into one file that verify can read")
    bundle.add_argument("run_folder", type=Path, metavar="RUN")
    bundle.add_argument("--out", type=Path, metavar="ZIP", help="default: RUN.zip beside the run folder")
    key = _add(commands, "key", _key, "make a key that seals, with a certificate of its own")
    key.add_argument("path", type=Path, metavar="PEM")
    key.add_argument("--name", required=True, help="whose it is, for instance 'Bench 3' or a person's name")
    seal = _add(commands, "seal", _seal, "sign a run's PDF and its manifest")
    seal.add_argument("run_folder", type=Path, metavar="RUN")
    seal.add_argument("--key", default=os.environ.get(KEY), metavar="PEM|pkcs11:…", help=f"default: ${KEY}")
    issue = _add(
        commands,
        "issue",
        _issue,
        "issue a report: number, date, a person's signature (hardware alone)",
    )
    issue.add_argument("run_folder", type=Path, metavar="RUN")
    issue.add_argument("--report-number", required=True, metavar="N")
    issue.add_argument("--signer", required=True, metavar="PEM|pkcs11:…", help="the key of the person who issues it")
    issue.add_argument(
        "--key", default=os.environ.get(KEY), metavar="PEM|pkcs11:…", help=f"the bench's (default: ${KEY})"
    )
    issue.add_argument("--supersedes", default="", metavar="N", help="the number of the edition that it replaces")
    _laboratory(issue)
    history = _add(commands, "history", _history, "the trend of every measurement over the runs of a rig")
    history.add_argument(
        "--reports", type=Path, default=Path("reports"), metavar="DIR", help="where the run folders are"
    )
    history.add_argument("--rig", metavar="NAME", help="of this rig (default: of all)")
    history.add_argument("--requirement", metavar="ID", help="of this requirement, with every run")
    history.add_argument(
        "--within", type=RUNS.whole_text, default=30, metavar="N", help="alarm where a limit is N runs off (30)"
    )
    history.add_argument("--page", type=Path, metavar="HTML", help="write it as a page as well")
    history.add_argument(
        "--changes", action="store_true", help="only what changed since the run before; status 1 if so"
    )
    history.add_argument("--since", default="", metavar="RUN", help="with --changes: since that run")
    history.add_argument("--rebuild", action="store_true", help="throw the index away first")


def _add(
    commands: "Subparsers",
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text)
    parser.set_defaults(run=run)
    return parser


def _laboratory(parser: argparse.ArgumentParser) -> None:
    text = "the laboratory's list of its keys (default: $V2G_LABORATORY, else laboratory.toml in ~/.config/v2g-bench)"
    parser.add_argument("--laboratory", type=Path, metavar="TOML", help=text)


def _verify(options: argparse.Namespace) -> int:
    from v2g_bench.reports.model.modelled import is_modelled
    from v2g_bench.reports.sign.laboratory import laboratory
    from v2g_bench.reports.verify.bundle import verify_bundle
    from v2g_bench.reports.verify.modelled import verify_modelled
    from v2g_bench.reports.verify.run_folder import verify
    from v2g_bench.reports.verify.time_stamps import TimeStamps, read_answers

    trusted = _read(options.trust) if options.trust else None
    if is_modelled(options.run_folder):
        return _said(verify_modelled(options.run_folder), options)
    look = verify_bundle if options.run_folder.is_file() else verify
    listed = laboratory(options.laboratory, options.run_folder) if options.time_stamps or not options.trust else None
    stamps = TimeStamps(read_answers(options.time_stamps), listed) if options.time_stamps else None
    keys = None if options.trust else listed
    log = _read(options.heads).decode(errors="replace") if options.heads else None
    return _said(look(options.run_folder, trusted, keys, log, stamps), options)


def _said(result: "Verification", options: argparse.Namespace) -> int:
    """Print what was found; the exit status."""
    _say(result.standing)
    for text in result.done:
        _say(f"checked    {text}")
    for where, how in result.verdicts if options.verdicts else []:
        _say(f"verdict    {where}: recomputed from {how}")
    for text in result.notes:
        _say(f"note       {text}")
    for text in result.impossible:
        _say(f"cannot     {text}")
    for finding in result.findings:
        _say(str(finding))
    fits = "everything fits" if result.evidence else "everything fits together, and is no evidence"
    _say(fits if result.ok else f"{len(result.findings)} things do not fit")
    return 0 if result.evidence else NO_EVIDENCE if result.ok else 1


def _say(text: str) -> None:
    """A line with names and texts of the run in it, which somebody else has chosen."""
    print(readable(text))


def _report(options: argparse.Namespace) -> int:
    from v2g_bench.reports.verify.run_folder import rebuild

    for name, state in rebuild(options.run_folder, options.out).items():
        print(f"{state:10} {name}")
    return 0


def _bundle(options: argparse.Namespace) -> int:
    from v2g_bench.reports.verify.bundle import bundle

    folder = options.run_folder.resolve()
    path = bundle(folder, options.out or folder.with_name(f"{folder.name}.zip"))
    print(f"{path}: {path.stat().st_size:,} bytes")
    return 0


def _key(options: argparse.Namespace) -> int:
    from v2g_bench.reports.sign.keys import fingerprint, new_key

    certificate = new_key(options.path, options.name)
    print(f"{options.path}: key of {options.name}, {fingerprint(certificate)}")
    return 0


def _seal(options: argparse.Namespace) -> int:
    from v2g_bench.errors import BenchError

    if not options.key:
        raise BenchError(
            "--key", "no key is given", f"give one, or set {KEY}; make one: v2g-bench key PATH --name NAME"
        )
    print(seal_if_asked(options.run_folder, options.key))
    return 0


def _issue(options: argparse.Namespace) -> int:
    from v2g_bench.errors import BenchError
    from v2g_bench.reports.issue import issue
    from v2g_bench.reports.model.modelled import refuse_modelled
    from v2g_bench.reports.sign.keys import open_signer
    from v2g_bench.reports.sign.laboratory import LABORATORY, laboratory

    refuse_modelled(options.run_folder)
    if not options.key:
        raise BenchError("--key", "the bench's key is not given", f"give the one that sealed the run, or set {KEY}")
    keys = laboratory(options.laboratory, options.run_folder)
    if keys is None:
        raise BenchError(
            "--laboratory", "there is no list of the laboratory's keys here", f"name it, or set {LABORATORY}"
        )
    bench, person = open_signer(options.key), open_signer(options.signer)
    path = issue(
        options.run_folder,
        options.report_number,
        bench=bench,
        person=person,
        keys=keys,
        supersedes=options.supersedes,
    )
    print(f"issued as {options.report_number}: {path}")
    return 0


def _history(options: argparse.Namespace) -> int:
    from v2g_bench.errors import BenchError
    from v2g_bench.reports.history.index import INDEX, History
    from v2g_bench.reports.history.page import render_history
    from v2g_bench.reports.history.trend import print_history
    from v2g_bench.reports.model.files import write_atomic

    if options.rebuild:
        for suffix in ("", "-wal", "-shm"):
            (options.reports / f"{INDEX}{suffix}").unlink(missing_ok=True)
    with History(options.reports) as history:
        history.refresh()
        if not (known := history.rigs()):
            raise BenchError(str(options.reports), "holds no run", "give the folder that holds the run folders")
        if options.rig and options.rig not in known:
            raise BenchError(str(options.reports), f"holds no run of rig {options.rig}", f"of: {', '.join(known)}")
        rigs = [options.rig] if options.rig else known
        if options.requirement and options.requirement not in (tested := history.requirements(rigs)):
            raise BenchError(
                str(options.reports), f"holds no result of {options.requirement}", f"of: {', '.join(tested)}"
            )
        if options.page is not None:
            write_atomic(options.page, render_history(history, rigs, options.within))
            print(f"page: {options.page}")
        if options.changes:
            return 1 if sum(_print_changes(history, rig, options.within, options.since) for rig in rigs) else 0
        return 1 if print_history(history, options.rig, options.requirement, options.within) else 0


def _print_changes(history: "History", rig: str, within: int, since: str) -> int:
    """Print what changed on a rig; how many things."""
    from v2g_bench.reports.history.changes import changes

    found, now, before = changes(history, rig, within, since)
    if before is None:
        print(f"rig {rig}: {now.folder} {now.verdict}; there is no run before")
        return 0
    print(f"rig {rig}: {before.folder} {before.verdict} -> {now.folder} {now.verdict}")
    for change in found:
        print(f"  {change}")
    print(f"{len(found)} changes")
    return len(found)


def _read(path: Path) -> bytes:
    from v2g_bench.errors import BenchError

    try:
        return path.read_bytes()
    except OSError as error:
        raise BenchError(str(path), f"cannot be read: {error.strerror}") from error
