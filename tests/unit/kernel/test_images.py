import os

import pytest

from v2g_bench.commands import main as cli
from v2g_bench.errors import BenchError
from v2g_bench.kernel import images


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A linux.uml of version 6.1.7 with all its modules."""
    folder = tmp_path / "bin"
    folder.mkdir()
    file = folder / "linux.uml"
    file.write_text("#!/bin/sh\necho 6.1.7\n")
    file.chmod(0o700)
    for module in images._MODULES:
        path = tmp_path / "modules" / "6.1.7" / "kernel" / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")
    monkeypatch.setattr(images, "_MODULE_ROOT", tmp_path / "modules")
    monkeypatch.setattr(images.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(images, "CPUINFO", tmp_path / "cpuinfo")
    images.CPUINFO.write_text("flags : fpu avx512f\n")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return file


@pytest.fixture
def amx(program):
    """A processor with more registers than kernels before 6.13 have room for."""
    images.CPUINFO.write_text("flags : fpu avx512f amx_bf16 amx_tile\n")


def test_the_package_is_found_with_the_modules_of_its_version(program):
    image = images.real_clock_image()
    assert image.program == program
    assert [module.name for module in image.modules][0] == "can.ko"
    assert all(module.is_file() and "/6.1.7/" in str(module) for module in image.modules)
    assert image.clock == "real clock"
    assert image.boot_arguments == ()


def test_a_missing_module_is_named(program):
    vcan = images.real_clock_image().modules[-1]
    vcan.unlink()
    with pytest.raises(BenchError, match="vcan.ko"):
        images.real_clock_image()


def test_without_the_package_the_command_says_how_to_get_it(program, monkeypatch, capsys):
    monkeypatch.delenv("V2G_KERNEL", raising=False)
    program.unlink()
    monkeypatch.setenv("PATH", str(program.parent))
    assert cli.main(["kernel", "--", "true"]) == 2
    err = capsys.readouterr().err
    assert "there is no user-mode kernel" in err
    assert "apt-get install user-mode-linux" in err


def test_where_the_packages_kernel_cannot_run_the_one_that_was_built_does(program, amx):
    with pytest.raises(
        BenchError, match=r"linux\.uml cannot run on this processor.*AMX(?s:.*)v2g-bench kernel --build"
    ):
        images.real_clock_image()
    images.cache_folder().mkdir(parents=True)
    built = images.cache_folder() / images.image_name("6.1.7")
    built.touch()
    assert images.real_clock_image() == images.KernelImage(built, (), "real clock")


def test_a_package_whose_kernel_has_room_is_taken_on_every_processor(program, amx, tmp_path):
    program.write_text("#!/bin/sh\necho 6.13.2\n")
    (tmp_path / "modules" / "6.1.7").rename(tmp_path / "modules" / "6.13.2")
    assert images.real_clock_image().program == program


def test_another_processor_is_told(program, monkeypatch):
    monkeypatch.setattr(images.platform, "machine", lambda: "aarch64")
    for find in (images.real_clock_image, images.virtual_clock_image):
        with pytest.raises(BenchError, match="x86.*aarch64"):
            find()


def test_the_newest_built_kernel_of_this_configuration_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(BenchError, match="v2g-bench kernel --build"):
        images.virtual_clock_image()
    images.cache_folder().mkdir()
    old, new = (images.cache_folder() / images.image_name(version) for version in ("6.1.200-1", "6.1.90-1"))
    for age, file in ((10, new), (20, old)):
        file.touch()
        os.utime(file, (1000 - age, 1000 - age))
    (images.cache_folder() / "linux-um-time-travel-6.1.300-1-0123456789ab").touch()  # another configuration
    (images.cache_folder() / (new.name + ".log")).touch()
    image = images.virtual_clock_image()
    assert image.program == new
    assert image.boot_arguments == ("time-travel=inf-cpu",)
    assert image.clock == "virtual clock (time travel)"
