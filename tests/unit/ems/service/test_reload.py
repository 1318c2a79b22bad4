import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from v2g_bench.ems.model.config import BmsConfig, EmsConfig, FilesConfig, InverterConfig
from v2g_bench.ems.model.limits import SocLimits
from v2g_bench.ems.ports.aside import Worker
from v2g_bench.ems.service import reload
from v2g_bench.errors import BenchError


def _config(folder: Path) -> EmsConfig:
    files = FilesConfig(limits=folder / "limits.conf", thermal_policy=folder / "policy.json")
    return EmsConfig(bms=BmsConfig(dbc=folder, roles={}), inverter=InverterConfig(host="127.0.0.1"), files=files)


def _limits(folder: Path, low: int, high: int) -> None:
    (folder / "limits.conf").write_text(f"MIN_SOC={low}\nMAX_SOC={high}\n", encoding="utf-8")


def test_both_or_none_and_the_defaults_of_what_is_not_there(tmp_path: Path) -> None:
    async def play() -> None:
        reloader = reload.Reloader(_config(tmp_path), Worker("limits"))
        assert (await reloader.read())[0] == SocLimits()
        _limits(tmp_path, 30, 60)
        assert (await reloader.read())[0] == SocLimits(30, 60)
        (tmp_path / "policy.json").write_text("{", encoding="utf-8")
        with pytest.raises(BenchError, match=r"policy\.json"):
            await reloader.read()
        (tmp_path / "policy.json").unlink()
        (tmp_path / "limits.conf").unlink()
        with pytest.raises(BenchError, match="not there any more"):
            await reloader.read()

    asyncio.run(play())


def _raising(error: Exception) -> Callable[..., None]:
    def load(path: Path) -> None:
        raise error

    return load


@pytest.mark.parametrize("error", [RecursionError("deep"), MemoryError(), OSError(116, "Stale file handle")])
def test_whatever_reading_raises_is_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    _limits(tmp_path, 30, 60)
    monkeypatch.setattr(reload, "load_limits", _raising(error))

    async def play() -> None:
        with pytest.raises(BenchError, match="cannot be read"):
            await reload.Reloader(_config(tmp_path), Worker("limits")).read()

    asyncio.run(play())


def test_hung_file_is_given_up_and_what_it_says_later_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung, sound = threading.Event(), reload.load_limits
    _limits(tmp_path, 30, 60)

    def hang(path: Path) -> SocLimits:
        hung.wait()
        return sound(path)

    async def play() -> SocLimits:
        worker = Worker("limits")
        reloader = reload.Reloader(_config(tmp_path), worker)
        with monkeypatch.context() as patch:
            patch.setattr(reload, "load_limits", hang)
            patch.setattr(reload, "READ_S", 0.01)
            with pytest.raises(BenchError, match=r"no end within 0\.01 s\n.*hang"):
                await reloader.read()
        hung.set()
        _limits(tmp_path, 40, 50)
        return (await reloader.read())[0]

    assert asyncio.run(play()) == SocLimits(40, 50)


def test_any_number_of_signals_while_it_is_read_are_one_more_time() -> None:
    async def run() -> int:
        done, going = 0, asyncio.Event()

        async def work() -> None:
            nonlocal done
            await going.wait()
            done += 1

        reloads = reload.Repeated(work)
        tasks = [reloads.ask()]
        await asyncio.sleep(0)
        tasks += [reloads.ask() for _ in range(1000)]
        going.set()
        assert [task for task in tasks if task is not None] == tasks[:1]
        assert tasks[0] is not None
        await tasks[0]
        last = reloads.ask()
        assert last is not None
        await last
        return done

    assert asyncio.run(run()) == 3
