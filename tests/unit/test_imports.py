"""What importing the bench brings with it, and what it leaves to those who want it."""

import subprocess
import sys

import pytest


def said_by(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    "module", ["plant.process", "rig.safety.supervisor", "can.hub", "gateway.process", "ems.ports.can_port"]
)
def test_no_process_of_the_bench_imports_asammdf_by_way_of_python_can(module):
    code = f"import sys, v2g_bench.{module}; print('can' in sys.modules, sorted({{'asammdf', 'pandas'}} & sys.modules.keys()))"
    assert said_by(code) == "True []"


def test_who_imports_asammdf_after_it_gets_it():
    pytest.importorskip("asammdf")
    code = "import v2g_bench, can, sys; print('asammdf' in sys.modules); import asammdf; print(asammdf.MDF.__name__)"
    assert said_by(code).split() == ["False", "MDF"]


def test_who_imported_it_before_keeps_it():
    pytest.importorskip("asammdf")
    code = "import asammdf, v2g_bench, can.io.mf4; print(can.io.mf4.asammdf is asammdf)"
    assert said_by(code) == "True"


def test_beside_other_peoples_tests_python_can_is_whole():
    pytest.importorskip("asammdf")
    assert said_by("import pytest, v2g_bench, can.io.mf4; print(can.io.mf4.asammdf.__name__)") == "asammdf"


@pytest.mark.parametrize(
    "module", ["fixtures.session", "commands.check", "qualification.run", "reports.write", "plant.process"]
)
def test_no_start_pays_for_statistics_that_need_half_a_second(module):
    assert said_by(f"import sys, v2g_bench.{module}; print('scipy.stats' in sys.modules)") == "False"
