import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from v2g_bench.ems.model.actions import LogLine
from v2g_bench.ems.service import state_store as module
from v2g_bench.ems.service.state_file import load_state
from v2g_bench.ems.service.state_store import StateStore


def _session(path: Path, lines: list[LogLine] | None = None, *, end: bool = True, **latches: Any) -> StateStore:
    """One run of the controller, killed unless `end`."""

    async def run() -> StateStore:
        state_store = StateStore(path, load_state(path), (lines if lines is not None else []).append)
        state_store.keep()
        state_store.keep(**latches)
        if end:
            await state_store.end(clean=True)
        else:
            await _until(lambda: state_store._work is None)
        return state_store

    return asyncio.run(run())


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def test_crash_is_told_from_a_clean_end_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    seen = [_session(path, end=end, trip="hot") for end in (True, False, False, True, True)]
    assert [state_store.crashed for state_store in seen] == [False, False, True, True, False]
    assert seen[-1].run == {"starts": 5, "crashes": 2, "after_crash": False, "kept": True}
    assert load_state(path)["trip"] == "hot"


def test_full_disk_is_tried_again_and_the_newest_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, lines, failures = tmp_path / "state.json", list[LogLine](), [3]
    real = module.save_state

    def save(path: Path, state: dict[str, Any]) -> None:
        if failures[0]:
            failures[0] -= 1
            raise OSError(28, "No space left on device")
        real(path, state)

    monkeypatch.setattr(module, "save_state", save)
    monkeypatch.setattr(module, "_RETRY_S", 0.01)
    _session(path, lines, end=False, trip="hot")
    assert load_state(path)["trip"] == "hot"
    assert [line.level for line in lines] == ["ERROR", "INFO"]


def test_disk_that_stays_full_does_not_hold_up_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(path: Path, state: dict[str, Any]) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "save_state", save)

    async def run() -> None:
        state_store = StateStore(tmp_path / "state.json", {}, lambda line: None)
        async with asyncio.timeout(5):
            await state_store.end(clean=True, timeout_s=0.05)

    asyncio.run(run())


def test_without_a_file_nothing_is_kept() -> None:
    async def run() -> dict[str, Any]:
        state_store = StateStore(None, {}, lambda line: None)
        state_store.keep(trip="hot")
        await state_store.end(clean=True)
        return state_store.run

    assert asyncio.run(run())["kept"] is False


def test_disk_that_hangs_is_said_and_the_newest_is_kept_when_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop goes on meanwhile; the end does not wait for it either."""
    path, lines, hung = tmp_path / "state.json", list[LogLine](), threading.Event()
    real = module.save_state

    def save(path: Path, state: dict[str, Any]) -> None:
        hung.wait()
        real(path, state)

    monkeypatch.setattr(module, "save_state", save)
    monkeypatch.setattr(module, "_RETRY_S", 0.01)
    monkeypatch.setattr(module, "_SAVE_S", 0.01)

    async def run() -> None:
        state_store = StateStore(path, {}, lines.append)
        state_store.keep(trip="old")
        await _until(lambda: bool(lines))
        state_store.keep(trip="hot")
        hung.set()
        monkeypatch.setattr(module, "_SAVE_S", 30.0)
        await _until(lambda: state_store._work is None)

    asyncio.run(run())
    assert load_state(path)["trip"] == "hot"
    assert [line.level for line in lines] == ["ERROR", "INFO"]
    assert "no end within 0.01 s; trying again" in lines[0].text
