"""The tree of headers of a SCPI instrument: long and short forms, optional nodes, numeric suffixes.

A pattern is written as in the instruments' manuals: capitals are the short form, square brackets an optional node, '#'
a numeric suffix (1 where it is left out), a question mark at the end the query.

>>> tree = CommandTree({"[SENSe:]VOLTage[:DC]:APERture": "set", "NUMeric:ITEM#?": "item"})
>>> tree.find("volt:aper").target
'set'
>>> tree.find("NUM:ITEM3?").suffixes
(3,)
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from v2g_bench.instruments.emulated.syntax import ScpiError, matches

Target = TypeVar("Target")

_NODE = re.compile(r"(\[)?:?(\*?[A-Za-z]+)(#)?:?(\])?")


@dataclass
class Node(Generic[Target]):
    """One mnemonic; `targets` holds its functions, under '' (command) and '?' (query)."""

    pattern: str
    suffixed: bool = False
    optional: bool = False
    children: list["Node[Target]"] = field(default_factory=list)
    targets: dict[str, Target] = field(default_factory=dict)

    def suffix_of(self, word: str) -> int | None:
        """The numeric suffix of `word` for this node (1 if none), None if it is another word."""
        if matches(word, self.pattern):
            return 1
        name = word.rstrip("0123456789")
        if self.suffixed and name != word and matches(name, self.pattern):
            return int(word[len(name) :][:9])
        return None


@dataclass(frozen=True)
class Found(Generic[Target]):
    """What a header names; `path` is the node that the next header of the same message starts from."""

    target: Target
    suffixes: tuple[int, ...]
    path: "Node[Target]"


class CommandTree(Generic[Target]):
    """All headers of an instrument, from {pattern: target}."""

    def __init__(self, patterns: Mapping[str, Target]) -> None:
        self.root: Node[Target] = Node("")
        for pattern, target in patterns.items():
            self._add(pattern, target)

    def _add(self, pattern: str, target: Target) -> None:
        kind = "?" if pattern.endswith("?") else ""
        node = self.root
        for match in _NODE.finditer(pattern.rstrip("?")):
            name, suffixed, optional = match[2], bool(match[3]), bool(match[1])
            child = next((c for c in node.children if c.pattern.upper() == name.upper()), None)
            if child is None:
                child = Node(name, suffixed, optional)
                node.children.append(child)
            node = child
        node.targets[kind] = target

    def find(self, header: str, path: Node[Target] | None = None) -> Found[Target]:
        """What `header` names, read from `path` (the root if None, or if it starts with a colon or a star).

        ScpiError -113: no such header.
        """
        kind = "?" if header.endswith("?") else ""
        words = header.rstrip("?").lstrip(":").split(":")
        start = self.root if path is None or header[0] in ":*" else path
        for node, suffixes, parent in _walk(start, words, start):
            if kind in node.targets:
                return Found(node.targets[kind], suffixes, parent)
        raise ScpiError(-113, header)


def _walk(
    node: Node[Target], words: list[str], parent: Node[Target]
) -> Iterator[tuple[Node[Target], tuple[int, ...], Node[Target]]]:
    """Every node that `words` can mean from `node`: optional nodes may be left out, also at the end."""
    if not words:
        yield node, (), parent
    for child in node.children:
        suffix = child.suffix_of(words[0]) if words else None
        if suffix is not None:
            own = (suffix,) if child.suffixed else ()
            for found, suffixes, last in _walk(child, words[1:], node):
                yield found, own + suffixes, last
        if child.optional:
            own = (1,) if child.suffixed else ()
            for found, suffixes, last in _walk(child, words, parent):
                yield found, own + suffixes, last
