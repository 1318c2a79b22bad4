"""The words of IEEE 488.2 and SCPI: program messages, parameters, blocks, and the numbers of the errors.

Everything that arrives from a wire is handled as latin-1 text, so that one character is one byte. What is wrong with a
message is raised as `ScpiError`; nothing else is ever raised, for any bytes.

>>> split_message("TRIG:SOUR EXT;SLOP POS")
['TRIG:SOUR EXT', 'SLOP POS']
>>> read_number("100 ms", unit="S")
0.1
>>> definite_block(b"abc")
b'#13abc'
"""

import math
import re

ERRORS = {
    -101: "Invalid character",
    -102: "Syntax error",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -123: "Exponent too large",
    -131: "Invalid suffix",
    -141: "Invalid character data",
    -151: "Invalid string data",
    -161: "Invalid block data",
    -211: "Trigger ignored",
    -213: "Init ignored",
    -221: "Settings conflict",
    -222: "Data out of range",
    -223: "Too much data",
    -224: "Illegal parameter value",
    -225: "Out of memory",
    -230: "Data corrupt or stale",
    -285: "TSP Syntax error at line 1",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
    -410: "Query INTERRUPTED",
    -420: "Query UNTERMINATED",
    1115: "Parameter error",  # Keithley's own
    1133: "Syntax error",
}

_NUMBER = re.compile(r"([+-]?(?:\d{1,255}\.?\d{0,255}|\.\d{1,255})(?:\s*[eE]\s*[+-]?\d{1,9})?)\s*([A-Za-z%]*)")
_BASES = {"H": 16, "Q": 8, "B": 2}
_BLOCK_START = re.compile(r"#(?:0|([1-9]))")
_BLOCK_HEADER = "|".join(rf"{digits}[0-9]{{{digits}}}" for digits in range(1, 10))
# What decides where a message ends: a line feed, the whole header of a block, or one that the stream has not ended yet.
_END_OR_BLOCK = re.compile(rf"\n|#(?:{_BLOCK_HEADER})|#(?:[1-9][0-9]{{0,8}})?\Z".encode())
_SPECIAL = {separator: re.compile(rf"[\"'(){separator}]|#(?:0|{_BLOCK_HEADER})") for separator in ";,"}
_PREFIXES = {"": 1.0, "EX": 1e18, "T": 1e12, "G": 1e9, "MA": 1e6, "K": 1e3, "M": 1e-3, "U": 1e-6, "N": 1e-9, "P": 1e-12}


INPUT_MAX = 1 << 16  # bytes of one program message; the bench's own have some hundred
PIECES_MAX = 256  # units of a message, parameters of a unit


class ScpiError(Exception):
    """An entry for the error queue: `code` and its SCPI text, with what caused it after a semicolon."""

    def __init__(self, code: int, detail: str = "") -> None:
        self.code = code
        self.text = ERRORS.get(code, "Device-specific error") + (f";{detail[:80]}" if detail else "")
        super().__init__(f'{code},"{self.text}"')


def definite_block(data: bytes) -> bytes:
    """`data` as a definite-length block: #, the number of digits, the number of bytes, the bytes."""
    length = str(len(data))
    return b"#%d%s%s" % (len(length), length.encode(), data)


def block_end(text: str, start: int) -> int | None:
    """Where the block that starts with the '#' at `start` ends; None if it is no block or is incomplete.

    An indefinite block (#0) reaches to the end of the text.
    """
    match = _BLOCK_START.match(text, start)
    if not match:
        return None
    if not match[1]:
        return len(text)
    digits = text[match.end() : match.end() + int(match[1])]
    if len(digits) < int(match[1]) or not (digits.isascii() and digits.isdigit()):
        return None
    end = match.end() + len(digits) + int(digits)
    return end if end <= len(text) else None


def _split(text: str, separator: str) -> list[str]:
    """Split at `separator` outside of strings, brackets and blocks. ScpiError -151: open string, -223: too many pieces."""
    pieces, begin, at, depth = [], 0, 0, 0
    special = _SPECIAL[separator]
    while found := special.search(text, at):
        char, at = found[0][0], found.end()
        if char in "\"'":
            at = text.find(char, at) + 1
            if not at:
                raise ScpiError(-151, text[begin:])
        elif char == "#":
            at = block_end(text, found.start()) or at
        elif char in "()":
            depth = max(0, depth + (1 if char == "(" else -1))
        elif char == separator and depth == 0:
            pieces.append(text[begin : found.start()])
            begin = at
            if len(pieces) >= PIECES_MAX:
                raise ScpiError(-223)
    return [*pieces, text[begin:]]


def split_message(text: str) -> list[str]:
    """The program message units of one program message, without empty ones."""
    return [unit for piece in _split(text, ";") if (unit := piece.strip(" \t\r\n\0"))]


def split_unit(unit: str) -> tuple[str, list[str]]:
    """Header and parameters of one unit. ScpiError -101 if the header holds what no header can hold."""
    match = re.match(r"[*:]?[A-Za-z][A-Za-z0-9_:]*\??", unit)
    if not match or (match.end() < len(unit) and unit[match.end()] not in " \t"):
        raise ScpiError(-101, unit)
    rest = unit[match.end() :].strip()
    return match[0], [piece.strip() for piece in _split(rest, ",")] if rest else []


def read_number(text: str, unit: str = "") -> float:
    """A decimal number with an optional unit (20E-6, 20us, 100MS), or #H, #Q, #B.

    ScpiError: -104 no number, -123 exponent too large, -131 a unit that does not fit.
    """
    if text[:1] == "#" and (base := _BASES.get(text[1:2].upper())):
        try:
            return float(int(text[2:14], base))
        except ValueError:
            raise ScpiError(-104, text) from None
    match = _NUMBER.fullmatch(text)
    if not match:
        raise ScpiError(-104, text)
    value = float(re.sub(r"\s", "", match[1]))
    if not math.isfinite(value):
        raise ScpiError(-123, text)
    return value * _factor(match[2].upper(), unit.upper(), text)


def _factor(suffix: str, unit: str, text: str) -> float:
    """What one `suffix` is in `unit`s. M is milli, but mega before HZ and OHM, as SCPI has it."""
    if not suffix:
        return 1.0
    prefix = suffix.removesuffix(unit)
    if not unit or prefix == suffix or prefix not in _PREFIXES:
        raise ScpiError(-131, text)
    return 1e6 if prefix == "M" and unit in ("HZ", "OHM") else _PREFIXES[prefix]


def matches(word: str, pattern: str) -> bool:
    """Is `word` the long or the short form of `pattern` (EXTernal: EXT or EXTERNAL), in any case?"""
    return word.upper() in (pattern.upper(), short_form(pattern))


def matches_one(word: str, patterns: tuple[str, ...]) -> str:
    """The pattern whose long or short form `word` is; ScpiError -224 (another word) or -141 (no word)."""
    for pattern in patterns:
        if matches(word, pattern):
            return pattern
    raise ScpiError(-224 if word[:1].isalnum() else -141, word)


def short_form(pattern: str) -> str:
    """The capital letters (and digits) that a pattern starts with: EXTernal -> EXT."""
    return re.match(r"[A-Z0-9]*", pattern)[0]  # type: ignore[index]  # an empty match is a match


class MessageFramer:
    """Cuts what arrives on a byte stream into program messages, at line feeds that are not inside a block.

    Each byte is looked at once, however it arrives.

    >>> framer = MessageFramer()
    >>> framer.feed(b"*IDN?\\nDATA #13a\\nb\\nVOL")
    ['*IDN?', 'DATA #13a\\nb']
    """

    def __init__(self, limit: int = INPUT_MAX) -> None:
        self._buffer = bytearray()
        self._at = 0  # up to here there is no end of a message
        self._limit = limit

    def feed(self, data: bytes) -> list[str]:
        """The messages that `data` completes. ScpiError -363: more than `limit` bytes and still no end."""
        self._buffer += data
        messages = []
        while (end := self._line_end()) is not None:
            messages.append(self._buffer[:end].decode("latin-1").rstrip("\r"))
            del self._buffer[: end + 1]
            self._at = 0
        if len(self._buffer) > self._limit:
            self._buffer.clear()
            self._at = 0
            raise ScpiError(-363)
        return messages

    def _line_end(self) -> int | None:
        while found := _END_OR_BLOCK.search(self._buffer, self._at):
            header = found[0]
            if header == b"\n":
                return found.start()
            self._at = found.start()
            if len(header) < 2 or len(header) < 2 + int(header[1:2]):
                return None  # the header is not whole yet
            self._at = found.end() + int(header[2:])
        self._at = max(self._at, len(self._buffer))
        return None
