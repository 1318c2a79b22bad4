"""One kind of error for everything that a user can fix: it states where, what, and how to fix it.

>>> print(BenchError("rigs/a.toml: bms.dbc", "no such file: dbc/x.dbc", "is the path relative to the rig file's project?"))
rigs/a.toml: bms.dbc: no such file: dbc/x.dbc
  is the path relative to the rig file's project?

What it quotes comes from outside: it is shown escaped and shortened, so that no text writes on a terminal as it likes.

>>> print(BenchError("reports/x", "is not in the manifest: \x1b[2J"))
reports/x: is not in the manifest: \\x1b[2J
"""

import io
import re
import sys

_LONGEST = 4000  # characters of each part; the end of a compiler's output has room
_LONGEST_WORD = 400  # no path is longer
# What a terminal obeys, what turns the direction of the text behind it, and what no encoding can carry.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LONG_WORD = re.compile(rf"\S{{{_LONGEST_WORD},}}")


def readable(text: str) -> str:
    """The text as any terminal can show it: what is no character is escaped, and what nobody reads is cut."""
    if len(text) > _LONGEST_WORD:
        text = _LONG_WORD.sub(lambda found: f"{found[0][:200]}…{found[0][-60:]}", text)
        text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 300]} … {text[-280:]}"
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode-escape").decode("ascii"), text)


def plain_output(*streams: object) -> None:
    """What is written there reaches a terminal of any encoding: a character that it does not know is escaped.

    Without an argument that is what this process prints.
    """
    for stream in streams or (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class BenchError(Exception):
    """The rig, its files or its parts are not in order. Never the verdict of a controller.

    where: file and key, or the part; what: what is wrong; mend: what the user can do about it.
    """

    def __init__(self, where: str, what: str, hint: str = "") -> None:
        where, what, hint = readable(where), readable(what), readable(hint)
        super().__init__(where, what, hint)
        self.where, self.what, self.hint = where, what, hint

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"\n  {self.hint}" if self.hint else "")


class NotTested(Exception):
    """It applies to the controller, but this rig, database or bench cannot show it; the text says what is missing."""
