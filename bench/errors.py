"""One kind of error for everything that a user can fix: it states where, what, and how to fix it.

>>> print(BenchError("rigs/a.toml: bms.dbc", "no such file: dbc/x.dbc", "is the path relative to the rig file's project?"))
rigs/a.toml: bms.dbc: no such file: dbc/x.dbc
  is the path relative to the rig file's project?
"""


class BenchError(Exception):
    """The rig, its files or its parts are not in order. Never the verdict of a controller.

    where: file and key, or the part; what: what is wrong; mend: what the user can do about it.
    """

    def __init__(self, where: str, what: str, hint: str = "") -> None:
        super().__init__(where, what, hint)
        self.where, self.what, self.hint = where, what, hint

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"\n  {self.hint}" if self.hint else "")


class NotTested(Exception):
    """It applies to the controller, but this rig, database or bench cannot show it; the text says what is missing."""
