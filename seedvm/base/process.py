"""The only place which starts processes.

Every process gets a clean environment, a closed stdin, a session of its own and a limit of time. A failure is a SeedvmError with
a command that can be pasted back. It refuses secrets on a command line: a Secret in argv is a TypeError, they travel by stdin
(`input`) or by `secret_env`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias, TypedDict

from seedvm.base import terminal, trace
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret

Argv: TypeAlias = Sequence[str | Path]
Child: TypeAlias = subprocess.Popen[bytes]
PIPE = subprocess.PIPE

_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")
# What a child may inherit: how to reach mirrors, nothing about the operator.
_KEPT = ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "TMPDIR", *_AUTHORITIES)
_KEPT_PREFIXES = ("PIP_", "SEEDVM_")
_SBIN = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class Command:
    """What is started, and where: `env` comes on top of the clean environment, `secret_env` on top of that; `netns` is the name of a
    network namespace. What belongs to one call (its limit of time, its input) is an argument of the call."""

    argv: Argv
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    netns: str | None = None
    secret_env: Mapping[str, Secret] | None = None

    def words(self) -> list[str]:
        """The words of the command line; a TypeError for anything but strings and paths."""
        for word in self.argv:
            if not isinstance(word, str | Path):
                raise TypeError(f"argv holds a {type(word).__name__}; only strings and paths travel by command line")
        inside = ["ip", "netns", "exec", self.netns] if self.netns else []
        return [*inside, *(str(word) for word in self.argv)]


@dataclass(frozen=True)
class Completed:
    """A process that has ended; its output decoded as UTF-8 with replacement."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


def run(
    command: Argv | Command,
    *,
    timeout: float,
    input: str | bytes | None = None,
    check: bool = True,
) -> Completed:
    """Run to the end, at most `timeout` seconds."""
    process = _Process(command)
    child = process.start(_stdin(input), subprocess.PIPE, subprocess.PIPE)
    with _alive(child, process.call):
        try:
            out, err = child.communicate(input.encode() if isinstance(input, str) else input, timeout=timeout)
        except subprocess.TimeoutExpired:
            raise _too_slow(process.words, timeout) from None
    return _finish(process.words, child.returncode, out, err, check)


async def arun(
    command: Argv | Command,
    *,
    timeout: float,
    input: str | bytes | None = None,
    check: bool = True,
) -> Completed:
    """`run` for asyncio: a cancelled task ends its process."""
    process = _Process(command)
    with _starting(process.words):
        child = await asyncio.create_subprocess_exec(
            *process.words, **process.options(_stdin(input), subprocess.PIPE, subprocess.PIPE)
        )
    try:
        with _alive(child, process.call):
            async with asyncio.timeout(timeout):
                out, err = await child.communicate(input.encode() if isinstance(input, str) else input)
    except TimeoutError:
        await child.wait()
        raise _too_slow(process.words, timeout) from None
    return _finish(process.words, child.returncode or 0, out, err, check)


def spawn(
    command: Argv | Command,
    *,
    log: Path | None = None,
    pass_fds: Sequence[int] = (),
    stdout: IO[bytes] | int | None = None,
) -> Child:
    """Start a long-lived child in a session of its own; its output is added to `log` (0600). End it with `stop`.

    `stdout` (for example PIPE) takes the place of the log for standard output alone.
    """
    descriptor = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        out = descriptor if stdout is None else stdout
        process = _Process(command)
        child = process.start(subprocess.DEVNULL, out, descriptor, pass_fds)
        trace.record("process", argv=process.words, started=child.pid)
        return child
    finally:
        os.close(descriptor)


def stop(child: Child, *, grace: float = _GRACE_SECONDS) -> int:
    """End a spawned child and all of its session: SIGTERM, after `grace` seconds SIGKILL. Returns its exit code."""
    if child.poll() is None:
        _kill_group(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=grace)
    _kill_group(child.pid, signal.SIGKILL)
    code = child.wait()
    trace.record("process", stopped=child.pid, result=code)
    return code


def interactive(argv: Argv) -> int:
    """Run a command on this terminal, as long as its user likes; its exit code. Ctrl-C is the command's. The terminal's settings
    are given back, also by a command that was killed.

    A command that is stopped is let go on: `nsenter` stops itself when its machine stops all processes to switch itself off,
    nobody there can wake it, and the machine would wait for it for ever.
    """
    words = Command(argv).words()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with terminal.settings_kept(), trace.Call("process", argv=words) as call:
            with _starting(words):
                child = os.posix_spawnp(words[0], words, os.environ, setsigdef=[signal.SIGINT, signal.SIGPIPE])
            while True:
                _, status = os.waitpid(child, os.WUNTRACED)
                if not os.WIFSTOPPED(status):
                    call.result = os.waitstatus_to_exitcode(status)
                    return call.result
                os.kill(child, signal.SIGCONT)
    finally:
        signal.signal(signal.SIGINT, before)


def stream(
    command: Argv | Command,
    on_line: Callable[[str], None],
    *,
    timeout: float,
    check: bool = True,
) -> Completed:
    """Run to the end and hand over each line of standard output and error as it comes: for what takes minutes."""
    process = _Process(command)
    child = process.start(subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT)
    kept: list[str] = []
    with _alive(child, process.call):
        for line in _lines(child, process.words, timeout):
            kept.append(line)
            on_line(line)
        code = child.wait(timeout=_GRACE_SECONDS)
    return _finish(process.words, code, "\n".join(kept).encode(), b"", check)


def pasteable(command: Argv | Command) -> str:
    """The command as a shell takes it."""
    return shlex.join(_command(command).words())


class _Options(TypedDict):
    """What `subprocess.Popen` and `asyncio.create_subprocess_exec` are given beside the words."""

    stdin: int
    stdout: IO[bytes] | int
    stderr: int
    env: dict[str, str]
    cwd: Path | None
    start_new_session: bool
    pass_fds: tuple[int, ...]


class _Process:
    """One process from its start to its end: every process of `run`, `arun`, `spawn` and `stream` gets its options here."""

    def __init__(self, command: Argv | Command) -> None:
        self._command = _command(command)
        self.words = self._command.words()
        self.call = trace.Call("process", argv=self.words)  # its time counts from here, before the start

    def options(self, stdin: int, stdout: IO[bytes] | int, stderr: int, pass_fds: Sequence[int] = ()) -> _Options:
        return {
            "stdin": stdin,
            "stdout": stdout,
            "stderr": stderr,
            "env": _environment(self._command),
            "cwd": self._command.cwd,
            "start_new_session": True,
            "pass_fds": tuple(pass_fds),
        }

    def start(self, stdin: int, stdout: IO[bytes] | int, stderr: int, pass_fds: Sequence[int] = ()) -> Child:
        with _starting(self.words):
            return subprocess.Popen(self.words, **self.options(stdin, stdout, stderr, pass_fds))


@contextlib.contextmanager
def _alive(child: Child | asyncio.subprocess.Process, call: trace.Call) -> Iterator[None]:
    """The time until a child has ended: whatever is raised in it ends the child and its session."""
    with call:
        try:
            yield
        except BaseException:
            if isinstance(child, subprocess.Popen):
                _end(child)
            else:
                _kill_group(child.pid, signal.SIGKILL)
            raise
        call.result = child.returncode


def _command(command: Argv | Command) -> Command:
    return command if isinstance(command, Command) else Command(command)


def _stdin(input: str | bytes | None) -> int:
    return subprocess.DEVNULL if input is None else subprocess.PIPE


def _environment(command: Command) -> dict[str, str]:
    clean = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.lower() in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    path = [folder for folder in os.environ.get("PATH", "").split(":") if folder]
    clean["PATH"] = ":".join(dict.fromkeys([*path, *_SBIN]))
    clean["LANG"] = clean["LC_ALL"] = "C.UTF-8"
    clean["HOME"] = os.environ.get("HOME", "/root")
    clean.update(command.env or {})
    clean.update({name: secret.reveal() for name, secret in (command.secret_env or {}).items()})
    return clean


def _lines(child: Child, words: list[str], timeout: float) -> Iterator[str]:
    assert child.stdout is not None
    deadline = time.monotonic() + timeout
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise _too_slow(words, timeout)
            chunk = os.read(child.stdout.fileno(), 65536)
            if not chunk:
                break
            *whole, pending = (pending + chunk).split(b"\n")
            yield from (line.decode(errors="replace").rstrip("\r") for line in whole)
    if pending:
        yield pending.decode(errors="replace")


@contextlib.contextmanager
def _starting(words: list[str]) -> Iterator[None]:
    """Every start of a process is inside; why it failed is explained."""
    try:
        yield
    except FileNotFoundError as error:
        missing = error.filename or words[0]
        raise SeedvmError(
            f"{missing} cannot be started",
            why="file not found",
            hint=f"install it, then run: {shlex.join(words)}",
        ) from error
    except PermissionError as error:
        raise SeedvmError(f"permission denied starting {words[0]}", why=str(error), hint="run as root") from error


def _finish(words: list[str], code: int, out: bytes, err: bytes, check: bool) -> Completed:
    done = Completed(tuple(words), code, out.decode(errors="replace"), err.decode(errors="replace"))
    if check and code != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-12:]
        ended = f"exit code {code}" if code > 0 else f"signal {-code}"
        raise SeedvmError(
            f"{Path(words[0]).name} failed",
            why="\n".join([ended, *said]),
            hint=f"reproduce it with: {shlex.join(words)}",
        )
    return done


def _too_slow(words: list[str], timeout: float) -> SeedvmError:
    return SeedvmError(
        f"{Path(words[0]).name} did not finish within {timeout:g} s",
        why="it was stopped at the time limit",
        hint=f"reproduce it with: {shlex.join(words)}",
    )


def _end(child: Child) -> None:
    _kill_group(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


def _kill_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)
