"""Damages inputs: bytes, JSON by its structure, the entries of an .npz. The same generator makes the same damage."""

import copy
import io
import json
import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np

Mutate = Callable[[random.Random, bytes], bytes]

NUMBERS = (
    b"nan",
    b"inf",
    b"-inf",
    b"1e400",
    b"-1",
    b"0",
    b"1e-320",
    b"1" + b"0" * 400,
    b"7" * 4500,
    b"0x10",
    b"1_0",
    b"-0.0",
)
WORDS = (
    b"true",
    b"null",
    b'""',
    b"[]",
    b"{}",
    b"0001-01-01",
    b"9999-12-31T23:59:59-14:00",
    b"../..",
    b"a.b.c",
    b"%s{}",
)
SHAPES = (b"[" * 2000, b'{"a":' * 2000, b"[a]\n", b"=", b":", b"#", b"---\n", b'"', b"'''", b" " * 2500, b"\r\n", b"\n")
BYTES = (b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b[31m", b"\xe2\x80\xae", b"\xed\xa0\x80", b"\\ud800", b"\xc2\x9b")
TOKENS = NUMBERS + WORDS + SHAPES + BYTES
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1.5,
        10**400,
        2**64,
        -1e308,
        5e-324,
        float("nan"),
        float("inf"),
        "",
        "x",
        "inf",
        "\ud800",
        "a\0b",
    ),
    *("/etc/passwd", "../x", "\u202e\x1b[2J", "9" * 4500, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    *([], {}, [[]], [None], {"a": 1}, "PASS", "FAIL", "x" * 40_000),
)


def mutated(rng: random.Random, data: bytes) -> bytes:
    """The bytes with one to six defects."""
    content = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        content = bytearray(rng.choice(_DEFECTS)(rng, bytes(content)))
    return bytes(content)


def mutated_json(rng: random.Random, data: bytes) -> bytes:
    """JSON with one or two values replaced, removed or doubled; sometimes damaged as bytes are."""
    if rng.random() < 0.25:
        return mutated(rng, data)
    tree = json.loads(data)
    for _ in range(rng.choice((1, 1, 2))):
        _replace_one(rng, tree)
    return json.dumps(tree, ensure_ascii=rng.random() < 0.7).encode("utf-8", "surrogatepass")


def mutated_npz(rng: random.Random, data: bytes) -> bytes:
    """An .npz with an entry of another kind; in half of the cases damaged as bytes are, its ZIP frame among them."""
    if rng.random() < 0.5:
        return mutated(rng, data)
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        entries = {name: file[name] for name in file.files}
    name = rng.choice(list(entries))
    odd = (
        "x",
        "[" * 3000,
        '{"a": 1}',
        "\ud800",
        [],
        [[1.0]],
        [np.nan] * 4,
        np.inf,
        -1.0,
        0.0,
        1e308,
        b"x",
        True,
        10**18,
    )
    entries[name] = np.array(rng.choice(odd))
    if rng.random() < 0.2:
        del entries[name]
    out = io.BytesIO()
    np.savez(out, **entries)
    return out.getvalue()


def _flip(rng: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.choice((1, 2, 8, 40, 250)) :]


def _end(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _insert(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(TOKENS) + data[at:]


def _other(rng: random.Random, data: bytes, pattern: bytes, values: tuple[bytes, ...]) -> bytes:
    found = list(re.finditer(pattern, data))
    if not found:
        return _insert(rng, data)
    one = rng.choice(found)
    return data[: one.start()] + rng.choice(values) + data[one.end() :]


def _number(rng: random.Random, data: bytes) -> bytes:
    return _other(rng, data, rb"-?\d+(\.\d+)?", NUMBERS + WORDS)


def _text(rng: random.Random, data: bytes) -> bytes:
    value = rng.choice(TOKENS)
    return _other(rng, data, rb'"[^"\n]*"', (value, b'"' + value.replace(b'"', b"") + b'"'))


def _word(rng: random.Random, data: bytes) -> bytes:
    words = re.findall(rb"[A-Za-z_]+", data)
    return _other(rng, data, rb"[A-Za-z_]+", (rng.choice(words),) if words else TOKENS)


def _line(rng: random.Random, data: bytes) -> bytes:
    """A line twice, or not at all."""
    lines = data.split(b"\n")
    one = lines.pop(rng.randrange(len(lines)))
    if rng.random() < 0.6:
        for _ in range(2):
            lines.insert(rng.randrange(len(lines) + 1), one)
    return b"\n".join(lines)


def _copy(rng: random.Random, data: bytes) -> bytes:
    at, start = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
    return data[:at] + data[start : start + rng.choice((4, 20, 100))] + data[at:]


_DEFECTS: tuple[Mutate, ...] = (_flip, _cut, _end, _insert, _number, _text, _word, _line, _copy)


def _replace_one(rng: random.Random, tree: Any) -> None:
    node = tree
    while isinstance(node, dict | list) and node:
        key = rng.choice(list(node)) if isinstance(node, dict) else rng.randrange(len(node))
        child = node[key]
        if isinstance(child, dict | list) and child and rng.random() < 0.65:
            node = child
            continue
        how = rng.random()
        if how < 0.1:
            del node[key]
        elif how < 0.2 and isinstance(node, list):
            node.append(copy.deepcopy(child))
        elif how < 0.3 and isinstance(node, dict):
            node[str(rng.choice(("extra", "", "\x1b", "files")))] = copy.deepcopy(child)
        else:
            node[key] = copy.deepcopy(rng.choice(VALUES))  # it may be changed in its turn
        return
