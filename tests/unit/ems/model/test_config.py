from pathlib import Path

import pytest

from v2g_bench.ems.model.config import load_config
from v2g_bench.errors import BenchError

MINIMAL = '[bms]\ndbc = "bms.dbc"\n[bms.roles]\nsoc = "A.B"\n[inverter]\nhost = "192.0.2.1"\n'


def _file(folder: Path, text: str) -> Path:
    path = folder / "ems.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_and_paths(tmp_path: Path) -> None:
    config = load_config(_file(tmp_path, MINIMAL + '[files]\nlog = "main.log"\nstate = "s/latches.json"\n'))
    assert config.bms.dbc == tmp_path / "bms.dbc"
    assert config.files.log == tmp_path / "main.log"
    assert config.files.state == tmp_path / "s" / "latches.json"
    assert config.files.limits == Path("/etc/v2g/limits.conf")
    assert (config.thresholds.bms_timeout_s, config.thresholds.gradient_k) == (0.1, 8.0)


def test_the_log_of_the_manual_is_the_default(tmp_path: Path) -> None:
    config = load_config(_file(tmp_path, MINIMAL))
    assert str(config.files.log) == "/var/log/v2g-main.log"
    assert config.files.state is None


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        (MINIMAL + "[thresholds]\nbms_timeuot_s = 1\n", "thresholds.bms_timeuot_s", "unknown key"),
        (MINIMAL + "[trip]\n", "trip", "unknown key"),
        (MINIMAL + "[thresholds]\nbms_timeout_s = 0\n", "thresholds.bms_timeout_s", "0 is not a number from 0.02 to 5"),
        (
            MINIMAL + "[thresholds]\ntrip_temperature_c = 90\n",
            "thresholds.trip_temperature_c",
            "90 is not a number above 0, up to 60",
        ),
        (MINIMAL + "[thresholds]\ngradient_k = nan\n", "thresholds.gradient_k", "nan"),
        (MINIMAL + 'port = "modbus"\n', "inverter.port", "'modbus'"),
        ('[bms]\ndbc = "x"\n[bms.roles]\n', "inverter", "is missing"),
    ],
)
def test_error_names_file_key_and_mend(tmp_path: Path, text: str, key: str, what: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(BenchError) as caught:
        load_config(path)
    assert caught.value.where == f"{path}: {key}"
    assert what in caught.value.what
    assert caught.value.hint


def test_not_toml_and_not_there(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="is not TOML"):
        load_config(_file(tmp_path, "[bus\n"))
    with pytest.raises(BenchError, match="cannot be read"):
        load_config(tmp_path / "absent.toml")
