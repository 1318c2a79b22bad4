import resource

import pytest

from v2g_bench import memory
from v2g_bench.commands.main import main
from v2g_bench.errors import BenchError


@pytest.fixture
def limited(monkeypatch):
    """limited(limit, bytes): this process has this limit alone."""

    def limit(which, allowed):
        limits = {which: (allowed, resource.RLIM_INFINITY)}
        none = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        monkeypatch.setattr(memory.resource, "getrlimit", lambda asked: limits.get(asked, none))

    return limit


@pytest.mark.parametrize(("which", "command"), [(resource.RLIMIT_AS, "ulimit -v"), (resource.RLIMIT_DATA, "ulimit -d")])
def test_less_memory_than_it_takes_is_one_clear_line(limited, capsys, which, command):
    limited(which, 300_000_000)
    with pytest.raises(BenchError, match=f"v2g-bench: {command} allows 300 MB of memory, and the bench takes 1000 MB"):
        memory.require_memory("v2g-bench")
    assert main(["rigs"]) == 2
    assert capsys.readouterr().err.splitlines()[1:] == [f"  {command} unlimited"]


@pytest.mark.parametrize("allowed", [resource.RLIM_INFINITY, memory.LEAST_BYTES])
def test_enough_is_enough(limited, allowed):
    limited(resource.RLIMIT_AS, allowed)
    memory.require_memory("v2g-bench")


def test_a_command_without_a_standard_output_has_its_own_status(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    assert main(["rigs"]) == 0
