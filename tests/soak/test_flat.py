"""What is flat and what grows, and a minute of the simulated rig; an hour of it is in .ci/long."""

import os
import random
import threading

import pytest
from flat import Held, grown, held
from soak import soak

SAMPLES = 60


def series(memory_kb=lambda n: 80_000.0, descriptors=lambda n: 20.0, threads=lambda n: 5.0, blocks=lambda n: 4e5):
    return [Held(float(n), memory_kb(n), descriptors(n), threads(n), blocks(n)) for n in range(SAMPLES)]


def test_what_is_flat_after_warming_up_may_go_up_and_down():
    chance = random.Random(1)
    assert grown(series()) == []
    assert grown(series(memory_kb=lambda n: 50_000.0 + 30_000.0 * min(n, 15) / 15 + chance.uniform(-900, 900))) == []
    assert grown(series(descriptors=lambda n: 20.0 + n % 4, threads=lambda n: 5.0 + (n % 7 == 0))) == []
    assert grown(series(blocks=lambda n: 4e5 + chance.uniform(-3000, 3000))) == []


@pytest.mark.parametrize(
    ("leak", "what"),
    [
        ({"memory_kb": lambda n: 80_000.0 + 400.0 * n}, "memory_kb: at most 92400, later never below 98400"),
        ({"descriptors": lambda n: 20.0 + n // 8 + n % 2}, "descriptors: at most"),
        ({"threads": lambda n: 5.0 + n // 10}, "threads: at most"),
        ({"blocks": lambda n: 4e5 + 600.0 * n}, "blocks: at most"),
    ],
)
def test_what_does_not_come_back_grows(leak, what):
    (found,) = grown(series(**leak))
    assert found.startswith(what)


@pytest.mark.parametrize("count", [0, 1, 10])
def test_too_few_samples_are_not_flat(count):
    (found,) = grown(series()[:count])
    assert "too few to tell" in found


def test_what_this_process_holds():
    before = held(os.getpid(), 0.0)
    end, kept = threading.Event(), [os.dup(0) for _ in range(3)]
    threading.Thread(target=end.wait).start()
    after = held(os.getpid(), 1.0)
    end.set()
    for one in kept:
        os.close(one)
    assert (after.descriptors - before.descriptors, after.threads - before.threads) == (3, 1)
    assert after.blocks is not None
    assert held(2**22 + 1, 0.0) is None


@pytest.mark.parametrize(("leak", "seen"), [("", False), ("descriptors", True)])
def test_a_simulated_minute_is_flat_and_a_leak_in_it_is_seen(leak, seen):
    """Memory takes longer: a capture keeps a minute, the world's current two."""
    found = [
        text for text in soak("virtual", 60.0, leak=leak) if not text.startswith(("bench: memory", "bench: blocks"))
    ]
    assert bool(found) == seen, found
    assert all(text.startswith(f"bench: {leak}: at most") for text in found)
