"""What importing the bench brings with it, and what it leaves to those who want it."""

import json
import subprocess
import sys

import pytest


def logged_by(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def loaded_after(watched, modules):
    """For each of these modules of the bench, which of the watched ones are there when it was imported as well."""
    code = (
        "import importlib, json, sys\n"
        f"for module in {modules!r}:\n"
        "    importlib.import_module(f'v2g_bench.{module}')\n"
        f"    print(json.dumps([module, sorted(set({watched!r}) & sys.modules.keys())]))\n"
    )
    return dict(map(json.loads, logged_by(code).splitlines()))


PROCESSES = ["ems.ports.can_port", "can.hub", "rig.safety.supervisor", "gateway.process", "plant.process"]
STARTS = ["reports.write", "plant.process", "commands.check", "qualification.run", "fixtures.session"]


def test_no_process_of_the_bench_imports_asammdf_by_way_of_python_can():
    assert loaded_after(["asammdf", "can", "pandas"], PROCESSES) == {name: ["can"] for name in PROCESSES}


def test_who_imports_asammdf_after_it_gets_it():
    pytest.importorskip("asammdf")
    code = "import v2g_bench, can, sys; print('asammdf' in sys.modules); import asammdf; print(asammdf.MDF.__name__)"
    assert logged_by(code).split() == ["False", "MDF"]


def test_who_imported_it_before_keeps_it():
    pytest.importorskip("asammdf")
    code = "import asammdf, v2g_bench, can.io.mf4; print(can.io.mf4.asammdf is asammdf)"
    assert logged_by(code) == "True"


def test_beside_other_peoples_tests_python_can_is_whole():
    pytest.importorskip("asammdf")
    assert logged_by("import pytest, v2g_bench, can.io.mf4; print(can.io.mf4.asammdf.__name__)") == "asammdf"


def test_no_start_pays_for_statistics_that_need_half_a_second():
    assert loaded_after(["scipy.stats"], STARTS) == {name: [] for name in STARTS}
