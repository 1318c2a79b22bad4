from pathlib import Path

import pytest

from v2g_bench.dbc import dbc_path
from v2g_bench.ems.service.daemon import core_factory, main
from v2g_bench.errors import BenchError


def _config(folder: Path, more: str = "", roles: str = 'soc = "BMS_PackStatus.StateOfCharge"') -> str:
    path = folder / "ems.toml"
    path.write_text(
        f'[bms]\ndbc = "{dbc_path("v2g_bms_fd")}"\n[bms.roles]\n{roles}\n'
        f'[inverter]\nhost = "127.0.0.1"\n[files]\nlimits = "limits.conf"\n{more}',
        encoding="utf-8",
    )
    return str(path)


@pytest.mark.parametrize(
    ("more", "limits", "message"),
    [
        ("[frob]\n", "", "ems.toml: frob: unknown key"),
        ("", "MIN_SOC=80\nMAX_SOC=75\n", "limits.conf: MIN_SOC=80 is not below MAX_SOC=75"),
        ("", "", "does not carry cell_temperature_max"),
    ],
)
def test_broken_configuration_is_one_message_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, limits: str, message: str
) -> None:
    if limits:
        (tmp_path / "limits.conf").write_text(limits, encoding="utf-8")
    assert main(["--config", _config(tmp_path, more)]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err
    assert len(err.splitlines()) == 2, "what is wrong, and how to mend it"


def test_reload_without_a_daemon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("V2G_SOCKET", raising=False)
    config = _config(tmp_path, '[control]\nsocket = "here.sock"\n')
    assert main(["--config", config, "--reload"]) == 2
    assert f"{tmp_path}/here.sock: no daemon here" in capsys.readouterr().err
    assert main(["--reload", "--socket", str(tmp_path / "there.sock")]) == 2
    assert "there.sock" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("[control]\nsocket = 5\n", "control.socket"),
        ("[control]\nsocket = {}\n", "control.socket"),
        ("[control\n", "is not TOML"),
    ],
)
def test_reload_says_what_is_wrong_with_its_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, more: str, message: str
) -> None:
    monkeypatch.delenv("V2G_SOCKET", raising=False)
    assert main(["--config", _config(tmp_path, more), "--reload"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "reference", ["nonsense", "no_such_module:f", "v2g_bench.ems.core.controller:Nothing", "absent.py:f", ":f"]
)
def test_core_that_cannot_be_loaded(reference: str) -> None:
    with pytest.raises(BenchError, match="cannot be loaded"):
        core_factory(reference)


def test_core_by_module_and_by_file(tmp_path: Path) -> None:
    assert core_factory("v2g_bench.ems.core.controller:Ems").__name__ == "Ems"
    path = tmp_path / "mine.py"
    path.write_text("def mine(settings): ...\n", "utf-8")
    assert core_factory(f"{path}:mine").__name__ == "mine"
