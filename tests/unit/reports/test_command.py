import json

import pytest

from v2g_bench.commands.main import main
from v2g_bench.errors import BenchError
from v2g_bench.reports.sign.seal_run import seal_if_asked


def test_verify_says_what_was_checked_and_what_does_not_fit(folder, capsys):
    assert main(["verify", str(folder)]) == 3
    reported = capsys.readouterr().out
    assert reported.startswith("NO EVIDENCE: not sealed; whoever can write the folder can forge it whole")
    assert "checked    11 files" not in reported
    assert "checked    13 files against their SHA-256" in reported
    assert reported.endswith("everything fits together, and is no evidence\n")
    (folder / "main.blf").write_bytes(b"LOGG")
    assert main(["verify", str(folder)]) == 1
    reported = capsys.readouterr().out
    assert "changed    main.blf: has 4 bytes" in reported
    assert "things do not fit" in reported


def test_key_seal_and_verify_with_trust(folder, tmp_path, capsys, monkeypatch):
    pem = str(tmp_path / "bench.pem")
    assert main(["key", pem, "--name", "Bench 3"]) == 0
    assert main(["seal", str(folder), "--key", pem]) == 0
    assert "sealed by Bench 3" in capsys.readouterr().out
    assert main(["verify", str(folder), "--trust", pem]) == 0
    assert capsys.readouterr().out.startswith("SEALED by Bench 3, key SHA256:")
    assert main(["verify", str(folder)]) == 3
    assert "which nobody here vouches for" in capsys.readouterr().out.splitlines()[0]
    assert main(["seal", str(folder), "--key", pem]) == 2
    assert "sealed already" in capsys.readouterr().err
    assert main(["verify", str(folder), "--trust", str(tmp_path / "none.pem")]) == 2


def test_without_a_key_the_run_is_unsealed_and_says_so(folder, key, monkeypatch, capsys):
    monkeypatch.delenv("V2G_BENCH_KEY", raising=False)
    assert seal_if_asked(folder, None) == "unsealed: no key (V2G_BENCH_KEY is not set)"
    assert main(["seal", str(folder)]) == 2
    assert "make one: v2g-bench key" in capsys.readouterr().err
    assert "sealed by Bench 3" in seal_if_asked(folder, str(key))
    with pytest.raises(BenchError, match="sealed already"):
        seal_if_asked(folder, str(key))


def test_report_rebuilds_into_another_folder(folder, tmp_path, capsys):
    assert main(["report", str(folder), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.count("as it was") == 4
    for name in ("results.json", "junit.xml", "report.html", "report.pdf"):
        assert (tmp_path / "out" / name).read_bytes() == (folder / name).read_bytes()


def test_verify_takes_the_list_of_the_laboratory(sealed_folder, laboratory, tmp_path, capsys, monkeypatch):
    assert main(["verify", str(sealed_folder), "--laboratory", str(laboratory)]) == 0
    assert f"on the laboratory's list {laboratory}" in capsys.readouterr().out.splitlines()[0]
    monkeypatch.setenv("V2G_LABORATORY", str(laboratory))
    assert main(["verify", str(sealed_folder)]) == 0
    (tmp_path / "other.toml").write_text("")
    assert main(["verify", str(sealed_folder), "--laboratory", str(tmp_path / "other.toml")]) == 1
    assert "anybody can make a key" in capsys.readouterr().out
    own = sealed_folder / "laboratory.toml"
    own.write_bytes(laboratory.read_bytes())
    assert main(["verify", str(sealed_folder), "--laboratory", str(own)]) == 2
    assert "a run cannot vouch for itself" in capsys.readouterr().err


def test_issue_refuses_with_every_reason_and_issues_what_may_be(
    folder, kept, key, laboratory, tmp_path, capsys, monkeypatch
):
    from v2g_bench.reports.sign.keys import new_key
    from v2g_bench.reports.write import write_report

    monkeypatch.delenv("V2G_BENCH_KEY", raising=False)
    new_key(tmp_path / "person.pem", "A. Person")
    asked = ["--report-number", "L-1", "--signer", str(tmp_path / "person.pem")]
    assert main(["issue", str(folder), *asked]) == 2
    assert "the bench's key is not given" in capsys.readouterr().err
    asked += ["--key", str(key)]
    assert main(["issue", str(folder), *asked]) == 2
    assert "there is no list of the laboratory's keys here" in capsys.readouterr().err
    asked += ["--laboratory", str(laboratory)]
    assert main(["issue", str(folder), *asked]) == 2
    reported = capsys.readouterr().err
    for reason in ("its evidence is emulated", "no measuring instrument", "was not qualified", "it is unsealed"):
        assert reason in reported
    measured = tmp_path / "measured"
    write_report(kept.chained(kept.hardware(kept.kept_run(measured), measured), measured), measured)
    seal_if_asked(measured, str(key))
    assert main(["issue", str(measured), *asked]) == 0
    assert json.loads((measured / "results.json").read_text())["issue"]["number"] == "L-1"
    assert main(["verify", str(measured), "--trust", str(key)]) == 0
    assert main(["verify", str(measured), "--trust", str(tmp_path / "person.pem")]) == 0


def test_verify_says_what_each_verdict_was_recomputed_from(folder, capsys):
    assert main(["verify", str(folder), "--verdicts"]) == 3
    assert "test_hot_cell time to isolation: recomputed from waveform" in capsys.readouterr().out


def test_a_bundle_is_made_and_verified(folder, tmp_path, capsys):
    assert main(["bundle", str(folder), "--out", str(tmp_path / "a.zip")]) == 0
    assert "a.zip" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "a.zip")]) == 3
    assert "everything fits" in capsys.readouterr().out
