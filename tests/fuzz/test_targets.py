"""Every parser of what comes from outside: what once broke it, or one like it, and damaged inputs from a seed.

Bounded to less than two minutes in all; for longer: `.venv/bin/python tests/fuzz --seconds 3600`.
"""

import pytest
from catalogue import TARGETS
from engine import CORPUS, Outcome, fuzz, kept, offer

SEED, SECONDS, MOST = 1, 1.2, 400  # for each target


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("name", [name for name in TARGETS if kept(name)])
def test_what_once_broke_it(name, folder, tmp_path):
    target, outcome = TARGETS[name], Outcome()
    (own := folder / f"{name}.kept").mkdir()
    target.seeds(own)
    (work := folder / f"{name}.kept.work").mkdir()
    for path in kept(name):
        offer(target, path.read_bytes(), work, outcome)
        assert not outcome.findings, f"{path.name}: {outcome}"


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_inputs(name, folder):
    outcome = fuzz(TARGETS[name], folder, SEED, SECONDS, MOST)
    assert not outcome.findings, str(outcome)
    assert outcome.accepted + outcome.refused > 0


def test_each_corpus_belongs_to_a_target():
    assert {path.name for path in CORPUS.iterdir()} <= set(TARGETS)
