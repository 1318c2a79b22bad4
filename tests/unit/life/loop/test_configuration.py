from pathlib import Path

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.life.loop.configuration import load_configuration

EMS = '[bms]\ndbc = "x.dbc"\nroles = {}\n[inverter]\nhost = "a"\n[thresholds]\nmicro_cycle_pct = 20.0\n'


def _folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / {"limits": "limits.conf", "policy": "thermal-policy.json", "ems": "ems.toml"}[name]).write_text(
            text
        )
    return tmp_path


def test_folder_is_read_as_the_controller_reads_it(tmp_path) -> None:
    folder = _folder(tmp_path, limits="MIN_SOC=20\nMAX_SOC=80\n", policy='{"ACTIVE_COOLING_TRIGGER": "30C"}', ems=EMS)
    found = load_configuration(folder)
    assert (found.limits.min_soc_pct, found.limits.max_soc_pct) == (20.0, 80.0)
    assert found.policy.cooling_trigger_c == 30.0
    assert found.thresholds.micro_cycle_pct == 20.0
    assert found.assumed == ()


def test_what_the_folder_leaves_out_is_said(tmp_path) -> None:
    found = load_configuration(_folder(tmp_path, limits="MIN_SOC=20\nMAX_SOC=80\n"))
    assert [text.split()[0] for text in found.assumed] == ["thermal-policy.json", "ems.toml"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"limits": "MIN_SOC=80\nMAX_SOC=20\n"}, "MIN_SOC=80 is not below MAX_SOC=20"),
        ({"limits": "MIN_SOC=20\n"}, "MAX_SOC is missing"),
        ({}, "limits.conf: cannot be read"),
        ({"limits": "MIN_SOC=20\nMAX_SOC=80\n", "policy": "{}"}, "ACTIVE_COOLING_TRIGGER is missing"),
        ({"limits": "MIN_SOC=20\nMAX_SOC=80\n", "ems": EMS.replace("micro", "mikro")}, "did you mean micro_cycle_pct"),
    ],
)
def test_bad_file_has_the_controllers_own_message(tmp_path, files: dict[str, str], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        load_configuration(_folder(tmp_path, **files))


def test_no_folder(tmp_path) -> None:
    with pytest.raises(BenchError, match="is not a folder"):
        load_configuration(tmp_path / "a")
