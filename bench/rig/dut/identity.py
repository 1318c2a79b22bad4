"""Which program the controller is: its file's SHA-256 and its version, as the rig file states them or as it shows itself.

A shell, an interpreter or a tool that starts another program is never taken for the controller: nothing is stated then, and
`wrapper` names it. The rig file says what is meant: `[dut] program`, `[dut] version`.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

from v2g_bench.errors import BenchError
from v2g_bench.rig.dut.host import Host

STARTER = re.compile(
    r"env|exec|(ba|da|a|z|k|c|tc|fi)?sh|busybox|sudo|doas|su|runuser|setpriv|chroot|unshare|nsenter|proot|bwrap|firejail|nohup|"
    r"nice|ionice|renice|taskset|chrt|numactl|cgexec|timeout|time|faketime|stdbuf|setsid|flock|xargs|script|unbuffer|catchsegv|"
    r"strace|ltrace|gdb|gdbserver|valgrind|systemd-run|docker|podman|ip|ssh|uv|poetry|mono|dotnet|deno|bun|qemu-.*|ld-linux.*|"
    r"wine\d*(-.*)?|(python|pypy|perl|ruby|lua|luajit|php|java|tclsh|node|nodejs)w?[-\d.]*"
)
SHELLS = re.compile(rb"#!.*\b(ba|da|a|z|k|c|tc)?sh\b")  # a script of theirs starts something else, as a rule

# What the program there is called in the end, the first line of a script, and the SHA-256.
THERE = """
p=$(command -v "$1") || exit 1
echo "name $(readlink -f "$p" || echo "$p")"
[ "$(head -c 2 "$p" | tr -d '\\0')" = "#!" ] && echo "script $(head -n 1 "$p")"
sha256sum "$p"
"""


def starter(word: str, resolved: str = "", first_line: bytes = b"") -> bool:
    """Whether this program starts another one that is meant: by its name, what its links lead to, or its first line."""
    names = {PurePath(one).name for one in (word, resolved) if one}
    return any(STARTER.fullmatch(one) for one in names) or bool(SHELLS.match(first_line))


class Identity:
    """Of the controller that this command line starts; `output_of` runs a command there, "" where it fails."""

    def __init__(
        self, host: Host, command: str, program: Sequence[str], version: Sequence[str], output_of: Callable[..., str]
    ) -> None:
        """command: the first word, "" where the bench does not start it. program, version: what the rig file states."""
        self._host, self._command, self._output_of = host, command, output_of
        self._program, self._version = list(program), list(version)

    def wrapper(self) -> str:
        """The program that stands in the controller's place, where the rig file does not state what is meant; else ""."""
        return self._command if self._command and not self._program and self._looked_at()[2] else ""

    def program(self) -> tuple[str, str]:
        """Path and SHA-256 of its file; of several files of the list of their sums, as sha256sum writes it. Else empty."""
        if not self._program:
            path, digest, starts_another = self._looked_at() if self._command else ("", "", False)
            return ("", "") if starts_another else (path, digest)
        sums = [self._sum(path) for path in self._program]
        if len(sums) == 1:
            return self._program[0], sums[0]
        listed = "".join(f"{one}  {path}\n" for one, path in zip(sums, self._program, strict=True))
        return ", ".join(self._program), hashlib.sha256(listed.encode()).hexdigest()

    def version(self) -> str:
        """What the stated command prints, else the program for --version; empty where neither is known."""
        if self._version:
            return self._output_of(self._version).strip()
        if not self._command or self._program or self._looked_at()[2]:
            return ""
        return self._output_of([self._command, "--version"]).strip()

    def _looked_at(self) -> tuple[str, str, bool]:
        """Path, SHA-256, and whether it starts another program."""
        if self._host.name:
            lines = self._output_of(["sh", "-c", THERE, "v2g-bench", self._command]).splitlines()
            told = dict(line.split(" ", 1) for line in lines if line.startswith(("name ", "script ")))
            digest = next((line.split()[0] for line in lines if re.match(r"[0-9a-f]{64}\b", line)), "")
            return self._command, digest, starter(self._command, told.get("name", ""), told.get("script", "").encode())
        path = Path(self._host.argv([self._command])[0])
        content = path.read_bytes()
        first = content[:200].split(b"\n")[0]
        return str(path), hashlib.sha256(content).hexdigest(), starter(self._command, str(path.resolve()), first)

    def _sum(self, path: str) -> str:
        """BenchError for a file that the rig states and that is not there."""
        if self._host.name:
            sums = self._output_of(["sha256sum", path]).split()
            if not sums:
                raise BenchError("dut.program", f"{path} cannot be read on {self._host.name}", "state the path there")
            return sums[0].lstrip("\\")
        try:
            return hashlib.sha256(Path(path).read_bytes()).hexdigest()
        except OSError as error:
            raise BenchError(
                "dut.program", f"{path} cannot be read: {error.strerror}", "state an absolute path"
            ) from None
