import os
import shutil
import subprocess
import tarfile

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.kernel import build, images

MAKEFILE = """\
ARCH ?= none
all:
defconfig:
	echo CONFIG_X=y > .config
olddefconfig:
	cat merged >> .config
linux:
	echo "built for $(ARCH)" > linux
	cat arch/x86/um/user-offsets.c >> linux
"""

builds = pytest.mark.skipif(
    None in (shutil.which("make"), shutil.which("xz")), reason="no make or no xz here: apt-get install make xz-utils"
)


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A kernel source package that is one Makefile; the cache is empty."""
    tree = tmp_path / "linux-source-6.1"
    (tree / "scripts" / "kconfig").mkdir(parents=True)
    (tree / "Makefile").write_text(MAKEFILE)
    merge = tree / "scripts" / "kconfig" / "merge_config.sh"
    merge.write_text('#!/bin/sh\ncp "$3" merged\n')
    merge.chmod(0o700)
    registers = tree / "arch" / "x86" / "um" / "user-offsets.c"
    registers.parent.mkdir(parents=True)
    registers.write_text("\tDEFINE_LONGS(HOST_FP_SIZE, 2696);\n")
    sources = tmp_path / "src"
    sources.mkdir()
    with tarfile.open(sources / "linux-source-6.1.tar.xz", "w:xz") as archive:
        archive.add(tree, arcname=tree.name)
    monkeypatch.setattr(build, "SOURCES", sources)
    monkeypatch.setattr(build, "NEEDED_GIB", 0.0)
    monkeypatch.setattr(build, "missing_packages", list)
    monkeypatch.setattr(build, "source_version", lambda _: "6.1.5-1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tree


@pytest.fixture
def repack(source):
    """Pack the source again after a change."""

    def pack():
        with tarfile.open(build.SOURCES / "linux-source-6.1.tar.xz", "w:xz") as archive:
            archive.add(source, arcname=source.name)

    return pack


@builds
def test_the_kernel_lands_in_the_cache_and_nothing_else_does(source):
    built = build.build()
    assert built == images.cache_folder() / images.image_name("6.1.5-1")
    assert built.read_text() == "built for um\n\tDEFINE_LONGS(HOST_FP_SIZE, 12288);\n", "room for AMX is made"
    assert os.listdir(built.parent) == [built.name]


@builds
def test_what_is_built_is_not_built_again(source):
    first = build.build()
    first.write_text("kept")
    assert build.build().read_text() == "kept"


@builds
def test_a_compiler_error_is_shown_and_leaves_only_the_log(source, repack):
    (source / "Makefile").write_text(MAKEFILE + '\techo "no such type"; exit 1\n')
    repack()
    with pytest.raises(BenchError, match="no such type") as error:
        build.build()
    (log,) = images.cache_folder().iterdir()
    assert log.suffix == ".log"
    assert str(log) in str(error.value)


@builds
def test_a_configuration_that_lost_time_travel_is_no_kernel(source, repack):
    (source / "Makefile").write_text(MAKEFILE.replace("cat merged >>", "echo lost >"))
    repack()
    with pytest.raises(BenchError, match="TIME_TRAVEL"):
        build.build()


def test_the_newest_source_is_taken(source):
    (build.SOURCES / "linux-source-6.12.tar.xz").touch()
    (build.SOURCES / "linux-source-6.9.tar.xz").touch()
    assert build.find_source().name == "linux-source-6.12.tar.xz"


def test_everything_that_is_missing_is_named_at_once(source, monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setattr(build, "SOURCES", tmp_path)
    monkeypatch.setattr(build.shutil, "which", lambda tool: None if tool in ("flex", "xz") else f"/usr/bin/{tool}")
    with pytest.raises(BenchError, match=r"apt-get install linux-source-6\.1 flex xz-utils") as error:
        build.build()
    assert "no kernel source" in str(error.value)


def test_missing_tools_are_named(source, monkeypatch):
    monkeypatch.setattr(build, "missing_packages", lambda: ["flex", "bison"])
    with pytest.raises(BenchError, match="apt-get install flex bison"):
        build.build()


def test_a_full_disk_is_told_before_the_work(source, monkeypatch):
    monkeypatch.setattr(build, "NEEDED_GIB", 1e9)
    with pytest.raises(BenchError, match="GiB free"):
        build.build()


def test_the_version_is_the_packages_or_else_the_files(tmp_path, monkeypatch):
    source = tmp_path / "linux-source-0.1.tar.xz"
    source.write_bytes(b"12345")
    assert build.source_version(source) == "0.1-5"  # no such package
    answer = subprocess.CompletedProcess([], 0, stdout="1:6.1.192-2\n")
    monkeypatch.setattr(build.shutil, "which", lambda _: "/usr/bin/dpkg-query")
    monkeypatch.setattr(build.subprocess, "run", lambda *_, **__: answer)
    assert build.source_version(source) == "1_6.1.192-2"
