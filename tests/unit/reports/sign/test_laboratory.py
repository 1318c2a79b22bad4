"""Which keys count on which days, and which list of them counts here."""

from datetime import date

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.reports.sign.laboratory import laboratory

OWN, FOREIGN = f"SHA256:{'a' * 64}", f"SHA256:{'b' * 64}"
TEXT = (
    f'[[key]]\nname = "Bench 3"\nfingerprint = "{OWN}"\nsince = 2026-01-01\nuntil = 2026-12-31\nrevoked = 2026-06-01\n'
)


@pytest.fixture
def listed(tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    ("key", "day", "refused"),
    [
        (OWN, date(2026, 1, 1), ""),
        (OWN, date(2026, 5, 31), ""),
        (OWN, date(2025, 12, 31), "counts from 2026-01-01"),
        (OWN, date(2027, 1, 1), "to 2026-12-31"),
        (OWN, date(2026, 6, 1), "was revoked on 2026-06-01"),
        (FOREIGN, date(2026, 2, 1), "is not on the laboratory's list"),
    ],
)
def test_a_key_counts_on_its_days_alone(listed, tmp_path, key, day, refused):
    said = laboratory(listed, tmp_path / "run").refusal(key, day)
    assert refused in said
    assert bool(said) == bool(refused)


def test_the_command_line_comes_before_the_environment_and_this_before_the_configuration(tmp_path, monkeypatch):
    run = tmp_path / "run"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert laboratory(None, run) is None
    paths = [tmp_path / "v2g-bench/laboratory.toml", tmp_path / "environment.toml", tmp_path / "option.toml"]
    paths[0].parent.mkdir()
    for path in paths:
        path.write_text(TEXT)
    assert laboratory(None, run).path == paths[0]
    monkeypatch.setenv("V2G_LABORATORY", str(paths[1]))
    assert laboratory(None, run).path == paths[1]
    assert laboratory(paths[2], run).path == paths[2]


def test_a_list_that_is_named_and_not_there_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("V2G_LABORATORY", str(tmp_path / "none.toml"))
    with pytest.raises(BenchError, match="cannot be read"):
        laboratory(None, tmp_path / "run")


def test_a_list_in_the_run_folder_is_refused_under_any_name(listed, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "keys.toml").write_text(TEXT)
    (tmp_path / "link.toml").symlink_to(run / "keys.toml")
    for path in (run / "keys.toml", tmp_path / "link.toml", tmp_path / "run/../run/keys.toml"):
        with pytest.raises(BenchError, match="a run cannot vouch for itself"):
            laboratory(path, run)


@pytest.mark.parametrize("text", ["[[key]]\nname = 'x'\n", TEXT.replace(OWN, "SHA256:a"), TEXT + "scope = 1\n"])
def test_what_is_no_list_is_an_error(tmp_path, text):
    (tmp_path / "keys.toml").write_text(text)
    with pytest.raises(BenchError, match=r"keys\.toml: key"):
        laboratory(tmp_path / "keys.toml", tmp_path / "run")
