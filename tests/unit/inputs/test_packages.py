"""Parts of somebody else's package: found by entry point; a broken one is named with its package."""

import hashlib
import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.faults import from_dict
from v2g_bench.grid.supply import AcQuantities
from v2g_bench.inputs.packages import EMULATED, FAULTS, METERS, names, origin, part_of_a_package
from v2g_bench.inputs.packages import PAGE as OWN_PARTS
from v2g_bench.instruments.emulated import emulate
from v2g_bench.instruments.protocols import SERVES
from v2g_bench.instruments.registry import DRIVERS, driver_named
from v2g_bench.sim.meters import connect
from v2g_bench.sim.timeline import Timeline

PAGE = (Path(__file__).parents[3] / "fixtures" / "own-parts.md").read_text()
FAULT, METER, EMULATED_METER = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


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


class Probe:
    def dc_current(self, t):
        return np.zeros(len(t))

    def ac(self, t_from_s, t_to_s):
        return AcQuantities(-3000.0, 230.0, 13.0, 50.0)


@pytest.fixture
def acme(install):
    """The meter and the emulated meter of the page, installed."""
    meter = "acme-m1 = acme_meters:"
    install("acme_meters", METER + EMULATED_METER, meters=f"{meter}AcmeM1", emulated_meters=f"{meter}EmulatedM1")


def test_the_two_meters_of_the_page_measure(acme):
    timeline = Timeline()
    instrument = emulate("acme-m1", probe=Probe(), clock=timeline, seed=1, current_ratio=2.0)
    options = {"serves": SERVES["multimeter"], "current_ratio": 2.0}
    driver = connect("acme-m1", instrument, timeline, "meters.multimeter", **options)
    assert driver.identity().maker == "ACME"
    assert driver.ac_voltage()() == pytest.approx(230.0)
    assert driver.ac_current()() == pytest.approx(13.0)


def test_the_page_uses_public_names_alone():
    shown = "\n".join((FAULT, METER, EMULATED_METER))
    assert not re.findall(r"\b_\w+(?<!__)\b(?!_)", re.sub(r"__\w+__", "", shown))
    for module, listed in re.findall(r"^from (v2g_bench[\w.]*) import (.+)$", shown, re.MULTILINE):
        assert {one.strip() for one in listed.split(",")} <= set(importlib.import_module(module).__all__)


def test_page_1_names_package_version_file_and_digest(acme):
    digest = hashlib.sha256((METER + EMULATED_METER).encode()).hexdigest()
    assert str(origin(METERS, "acme-m1")) == f"meter acme-m1: package acme-bench 1.2, acme_meters.py, SHA-256 {digest}"
    assert str(origin(EMULATED, "acme-m1")).startswith("emulated meter acme-m1: package acme-bench 1.2, ")
    assert origin(METERS, "keysight-34465a") is None


@pytest.mark.parametrize(
    ("lacking", "serves", "said"),
    [
        ("close", "multimeter", "class acme_meters:AcmeM1 is no Multimeter: it lacks close()"),
        ("identity", "multimeter", "is no Multimeter: it lacks identity()"),
        ("close", "ac_power", "it lacks close(), most_w(), power_accuracy(), read(), series()"),
    ],
)
def test_a_meter_that_lacks_a_method_is_one_error(install, lacking, serves, said):
    source = METER.replace(f"def {lacking}(", f"def no_{lacking}(")
    install("acme_meters", source, meters="acme-m1 = acme_meters:AcmeM1")
    with pytest.raises(BenchError, match=re.escape(said)) as caught:
        driver_named("acme-m1", "here", {}, SERVES[serves])
    assert OWN_PARTS in str(caught.value)
    assert (Path(__file__).parents[3] / OWN_PARTS).is_file()


def test_a_digitizer_that_lacks_what_its_base_leaves_to_it(install):
    source = """
from v2g_bench.instruments import ShuntDigitizer
class Half(ShuntDigitizer):
    expected = "^ACME"
    max_sample_rate_hz = 1e6
    shortest_aperture_s = 1e-6
    accuracy = {1.0: (1e-4, 1e-4)}
    source = "data sheet"
    def _start(self): ...
    def _state(self): ...
    def _read(self): ...
"""
    install("acme_half", source, meters="acme-half = acme_half:Half")
    with pytest.raises(BenchError, match=r"it lacks _configure\(\), time_base_rel"):
        driver_named("acme-half", "here", None, SERVES["dc_current"])


def test_an_emulated_meter_that_is_none(install):
    install("acme_bare", "class Bare: pass", emulated_meters="acme-bare = acme_bare:Bare")
    with pytest.raises(
        BenchError, match=r"acme_bare:Bare is no EmulatedMeter: it lacks execute\(\), external_trigger\(\)"
    ):
        emulate("acme-bare")


def test_each_driver_of_the_bench_has_what_some_place_in_a_rig_needs():
    for name in DRIVERS:
        served = []
        for place, protocol in SERVES.items():
            try:
                driver_named(name, "here", None, protocol)
            except BenchError:
                continue
            served.append(place)
        assert served, name


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("def readback", "def readbacks", "class acme_faults:AcmeRating lacks readback()"),
        ("def senses", "def sense", "lacks what it changes, one of senses(), transmit(), wire()"),
        ("@dataclass(frozen=True)", "", "lacks @dataclass(frozen=True)"),
    ],
)
def test_a_fault_that_lacks_a_method_is_one_error(install, old, new, said):
    install("acme_faults", FAULT.replace(old, new), faults="acme_rating_w = acme_faults:AcmeRating")
    with pytest.raises(BenchError, match=re.escape(said)) as caught:
        from_dict({"kind": "acme_rating_w", "to_w": 1500.0})
    assert OWN_PARTS in str(caught.value)


def test_the_page_registers_what_it_shows():
    for group in (FAULTS, METERS, EMULATED):
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
