"""One kind of error for everything that a user can fix: it states where, what, and how to fix it.

>>> print(BenchError("rigs/a.toml: bms.dbc", "no such file: dbc/x.dbc", "is the path relative to the rig file's project?"))
rigs/a.toml: bms.dbc: no such file: dbc/x.dbc
  is the path relative to the rig file's project?

What it quotes comes from outside: it is shown escaped and shortened, so that no text writes on a terminal as it likes.

>>> print(BenchError("reports/x", "is not in the manifest: \x1b[2J"))
reports/x: is not in the manifest: \\x1b[2J
"""

import codecs
import io
import re
import sys
import unicodedata

_LONGEST = 4000  # characters of each part; the end of a compiler's output has room
_LONGEST_WORD = 400  # no path is longer
# What a terminal obeys, what turns the direction of the text behind it, and what no encoding can carry.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_IN_ASCII = "bench.ascii"  # the error handler of a stream that cannot carry every character
_ASCII = str.maketrans(
    {
        **{"±": "+/-", "≤": "<=", "≥": ">=", "≠": "!=", "×": "x", "→": "->", "∞": "inf", "‰": "per mille", "√": "sqrt"},
        **{"°": "deg", "µ": "u", "\u03bc": "u", "Ω": "Ohm", "\u2126": "Ohm", "²": "^2", "³": "^3", "\u207b": "^-"},
        **dict.fromkeys("·−–—─•", "-"),
        **dict.fromkeys("‘’‚", "'"),
        **dict.fromkeys("“”„«»", '"'),
    }
)
_LONG_WORD = re.compile(rf"\S{{{_LONGEST_WORD},}}")


def readable(text: str) -> str:
    """The text as any terminal can show it: what is no character is escaped, and what nobody reads is cut."""
    if len(text) > _LONGEST_WORD:
        text = _LONG_WORD.sub(lambda found: f"{found[0][:200]}…{found[0][-60:]}", text)
        text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 300]} … {text[-280:]}"
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode-escape").decode("ascii"), text)


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """A codec's error handler: what a terminal does not know as it is written in ASCII; escaped where it is not."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_ASCII)
    text = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error(_IN_ASCII, _in_ascii)


def plain_output(*streams: object) -> None:
    """What is written there reaches a terminal of any encoding, "±" as "+/-" where it does not know that, the rest escaped.

    Without an argument that is what this process prints.
    """
    for stream in streams or (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_IN_ASCII)


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
