# SPDX-License-Identifier: Apache-2.0
"""Processes that the benchmark starts: the helpers in C, and what /proc says about a server."""
from __future__ import annotations

import contextlib
import os
import pathlib
import resource
import socket
import subprocess
import time

TOOLS = pathlib.Path(__file__).parent


class BenchError(Exception):
    """Something could not be run or answered wrongly; the message says what."""


def raise_file_limit() -> int:
    """Raises the soft limit on open files, which children inherit, to the hard one; answers with it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def compile_helpers(folder: pathlib.Path) -> None:
    for name in ("echo", "clients", "relay", "datagrams"):
        output("cc", "-O2", "-Wall", "-pthread", "-o", folder / name, TOOLS / f"{name}.c")


def free_ports(count: int) -> list[int]:
    """Distinct loopback ports on which nobody listens now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def is_listening(port: int) -> bool:
    """Looks the port up in /proc: a connection to find out would reach the target behind a tunnel."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in pathlib.Path(table).read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                return True
    return False


def wait_until_listening(process: subprocess.Popen, port: int, name: str, patience: float = 15) -> None:
    deadline = time.monotonic() + patience
    while not is_listening(port):
        if process.poll() is not None:
            raise BenchError(f"{name} ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise BenchError(f"{name} does not listen on port {port}")
        time.sleep(0.05)


def output(*command, timeout: float = 60) -> str:
    """Standard output of a command that must end well."""
    arguments = [str(part) for part in command]
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=timeout)
    except FileNotFoundError:
        raise BenchError(f"{arguments[0]} is not installed (see .ci/install)") from None
    except subprocess.TimeoutExpired:
        raise BenchError(f"{arguments[0]} did not end within {timeout:.0f} s") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-400:]
        raise BenchError(f"{' '.join(arguments)}: status {done.returncode}: {said}")
    return done.stdout


@contextlib.contextmanager
def running(*command, **options):
    """A child process that is stopped, by its id, when the block ends."""
    process = subprocess.Popen([str(part) for part in command], text=True, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()


@contextlib.contextmanager
def echo_server(folder: pathlib.Path):
    """The port of an echo server."""
    with running(folder / "echo", stdout=subprocess.PIPE) as process:
        yield int(process.stdout.readline())


@contextlib.contextmanager
def bare_relay(folder: pathlib.Path, target: int):
    """The process and the port of a relay to `target` that does nothing but relay."""
    with running(folder / "relay", target, stdout=subprocess.PIPE) as process:
        yield process.pid, int(process.stdout.readline())


def cpu_seconds(pid: int) -> float:
    """CPU time of a process since its start, in user and kernel mode."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kilobytes(pid: int) -> int:
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise BenchError(f"process {pid} has no resident memory: it has ended")
