"""Parts of somebody else's package: found by entry point; a broken one is named with its package."""

import importlib
import re
import sys
from pathlib import Path

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.faults import from_dict
from v2g_bench.inputs.packages import FAULTS, METERS, names, part_of_a_package
from v2g_bench.instruments.registry import driver_named

PAGE = (Path(__file__).parents[3] / "fixtures" / "own-parts.md").read_text()
FAULT, METER = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Make a package with these entry points and this source known, as pip does."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(module, source, package="acme-bench", **groups):
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{package.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        lines = [f"[v2g_bench.{group}]\n{entry}\n" for group, entry in groups.items()]
        (info / "entry_points.txt").write_text("\n".join(lines))
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def test_the_fault_of_the_page_is_one(install):
    install("acme_faults", FAULT, faults="acme_rating_w = acme_faults:AcmeRating")
    fault = from_dict({"kind": "acme_rating_w", "to_w": 1500.0})
    assert fault.signals() == {"discharge_power_continuous": 1500.0}
    assert from_dict(fault.to_dict()) == fault
    with pytest.raises(BenchError, match="fault acme_rating_w: to_w"):
        from_dict({"kind": "acme_rating_w", "to_w": -1.0})


def test_the_meter_of_the_page_is_one(install):
    install("acme_meters", METER, meters="acme-m1 = acme_meters:AcmeM1")
    assert driver_named("acme-m1", "here", {"current_ratio": 10.0}).__name__ == "AcmeM1"
    with pytest.raises(BenchError, match="unknown option 'ratio'"):
        driver_named("acme-m1", "here", {"ratio": 10.0})


def test_the_page_registers_what_it_shows():
    for group in (FAULTS, METERS):
        assert f'[project.entry-points."{group}"]' in PAGE


def test_a_name_that_nobody_has_lists_those_of_packages_too(install):
    install("acme", "", faults="acme_rating_w = acme:X", meters="acme-m1 = acme:X")
    with pytest.raises(BenchError, match="did you mean acme_rating_w"):
        from_dict({"kind": "acme_ratin_w"})
    with pytest.raises(BenchError, match="did you mean acme-m1"):
        driver_named("acme-m2", "here", {})
    assert "acme-m1" in names(METERS)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise RuntimeError('no card')", "cannot be loaded: RuntimeError: no card"),
        ("import no_such_module", "cannot be loaded: ModuleNotFoundError"),
        ("raise SystemExit(3)", "cannot be loaded: SystemExit: 3"),
        ("", "cannot be loaded: AttributeError"),
        ("def (", "cannot be loaded: SyntaxError"),
        ("X = 3", "is no class but 3"),
    ],
)
def test_a_broken_package_is_named_with_its_entry_point(install, source, said):
    install("acme_broken", source, faults="acme_x = acme_broken:X")
    where = r"package acme-bench 1\.2: entry point v2g_bench\.faults: acme_x = acme_broken:X: "
    with pytest.raises(BenchError, match=where + re.escape(said)):
        from_dict({"kind": "acme_x"})
    assert from_dict({"kind": "bms_silence"}), "the bench's own are not touched by it"


def test_a_class_that_is_no_fault_is_refused(install):
    install("acme_other", "class X: pass", faults="acme_y = acme_other:X")
    with pytest.raises(BenchError, match="acme_other:X is no fault of that kind(.|\n)*kind = 'acme_y'"):
        from_dict({"kind": "acme_y"})


def test_two_packages_with_one_name_are_both_named(install):
    install("acme_one", "class X: pass", faults="acme_z = acme_one:X")
    install("acme_two", "class X: pass", package="other-bench", faults="acme_z = acme_two:X")
    with pytest.raises(BenchError, match="acme_z = acme_.*registers it as well") as caught:
        part_of_a_package(FAULTS, "acme_z")
    assert "acme-bench" in str(caught.value)
    assert "other-bench" in str(caught.value)
