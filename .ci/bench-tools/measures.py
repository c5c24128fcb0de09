# SPDX-License-Identifier: Apache-2.0
"""What is measured. Each measure takes a `Bench` and yields rows of the table."""
from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import re
import select
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from datagrams import measure_datagrams
from processes import (BenchError, bare_relay, cpu_seconds, echo_server, free_ports, output, resident_kilobytes,
                       running, wait_until_listening)
from protocols import measure_handshakes, measure_protocols
from scripts import measure_scripts
from servers import COUNTER, Peers, Server, echo_once
from table import BARE_RELAY, NO_PROXY, Row, at_least, at_most
from users import measure_users

HELD = 3000
MOVED = 1 << 20


@dataclasses.dataclass
class Bench:
    """What the measures share: how to start the servers, where the helpers lie, how long and how often to measure."""

    peers: Peers
    folder: pathlib.Path
    seconds: int
    rounds: int
    cases: list[str] = dataclasses.field(default_factory=list)
    """Names of protocols' cases; none = all."""

    def alternate(self, what: str, measures: dict[str, Callable[[], float]], unit: str) -> dict[str, float]:
        """The median of each measure over rounds in which each of them has its turn."""
        figures: dict[str, list[float]] = {name: [] for name in measures}
        for number in range(1, self.rounds + 1):
            for name, measure in measures.items():
                figures[name].append(measure())
            said = ", ".join(f"{name} {figures[name][-1]:,.2f}" for name in measures)
            print(f"{what}, round {number}: {said} {unit}", file=sys.stderr, flush=True)
        return {name: statistics.median(each) for name, each in figures.items()}


# GetStats over HTTP/2

GRPC_HEADERS = ("-H", "content-type: application/grpc", "-H", "te: trailers")


def get_stats_request() -> bytes:
    """A gRPC frame with GetStatsRequest { name = 1: COUNTER }."""
    name = COUNTER.encode()
    message = b"\x0a" + bytes([len(name)]) + name
    return struct.pack(">BI", 0, len(message)) + message


def checked_answer_length(server: Server, body: pathlib.Path) -> int:
    """Asks once and checks that the call succeeds; answers with the length of the response's frame."""
    url = f"http://127.0.0.1:{server.api}{server.method}"
    said = output("nghttp", "-v", "-t", 10, "-d", body, *GRPC_HEADERS, url)
    if "grpc-status: 0" not in said or COUNTER not in said:
        raise BenchError(f"{server.name} refuses GetStats: {said[-400:]}")
    return sum(int(length) for length in re.findall(r"recv DATA frame <length=(\d+)", said))


def requests_per_second(server: Server, body: pathlib.Path, answer: int, streams: int, seconds: int) -> float:
    url = f"http://127.0.0.1:{server.api}{server.method}"
    said = output("h2load", "-t", 1, "-c", 4, "-m", streams, "-D", seconds, "--warm-up-time", 1, "-d", body,
                  *GRPC_HEADERS, url, timeout=seconds + 30)
    rate = re.search(r"([\d.]+) req/s", said)
    counts = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored", said)
    data = re.search(r"\((\d+)\) data", said)
    if not (rate and counts and data):
        raise BenchError(f"h2load said: {said[-400:]}")
    completed, succeeded, failed, errored = map(int, counts.groups())
    if failed or errored or not succeeded:
        raise BenchError(f"{server.name}: of {completed} requests {failed} failed, {errored} errored")
    if int(data[1]) < 0.9 * succeeded * answer:  # a refused call has status 200 too, but no message
        raise BenchError(f"{server.name}: {succeeded} responses hold {data[1]} bytes, not {answer} each")
    return float(rate[1])


def measure_requests(bench: Bench) -> Iterator[Row]:
    body = bench.folder / "request"
    body.write_bytes(get_stats_request())
    with echo_server(bench.folder) as target, bench.peers.both(target) as servers:
        answers = {}
        for server in servers:
            echo_once(server)  # so that the counter exists
            answers[server.name] = checked_answer_length(server, body)
        for streams, ratio in ((100, 3.0), (1, 1.8)):
            measures = {
                server.name: lambda server=server: requests_per_second(
                    server, body, answers[server.name], streams, bench.seconds)
                for server in servers
            }
            what = f"GetStats, 4 connections x {streams} stream{'s' if streams > 1 else ''}"
            yield Row(what, "req/s", bench.alternate(what, measures, "req/s"), at_least(ratio))


# One TCP stream


@dataclasses.dataclass
class Transfer:
    bits_per_second: float
    bytes: int


def transfer(port: int, reverse: bool, seconds: int) -> Transfer:
    """One iperf3 run. The server of iperf3 may still be busy with the end of the last one: three attempts."""
    command = ["iperf3", "-J", "-c", "127.0.0.1", "-p", port, "-t", seconds, *(["-R"] if reverse else [])]
    for attempt in range(3):
        try:
            received = json.loads(output(*command, timeout=seconds + 30))["end"]["sum_received"]
            return Transfer(received["bits_per_second"], received["bytes"])
        except (BenchError, KeyError) as error:  # without the key: iperf3 tells of a failure in its JSON
            if attempt == 2:
                raise BenchError(f"iperf3 through port {port}: {error}") from None
            time.sleep(1)
    raise AssertionError("unreachable")


def measure_throughput(bench: Bench) -> Iterator[Row]:
    target = free_ports(1)[0]
    with running("iperf3", "-s", "-B", "127.0.0.1", "-p", target, stdout=subprocess.DEVNULL,
                 stderr=subprocess.DEVNULL) as iperf3, bench.peers.both(target) as servers:
        wait_until_listening(iperf3, target, "iperf3")
        for direction, reverse in (("upload", False), ("download", True)):
            costs: dict[str, list[float]] = {server.name: [] for server in servers}

            def through(server: Server) -> float:
                before = cpu_seconds(server.pid)
                moved = transfer(server.tunnel, reverse, bench.seconds)
                costs[server.name].append((cpu_seconds(server.pid) - before) / (moved.bytes / 1e9))
                return moved.bits_per_second / 1e9

            measures = {server.name: lambda server=server: through(server) for server in servers}
            measures[NO_PROXY] = lambda: transfer(target, reverse, bench.seconds).bits_per_second / 1e9
            what = f"one TCP stream, {direction}"
            yield Row(what, "Gbit/s", bench.alternate(what, measures, "Gbit/s"), at_least(4.0))
            medians = {name: statistics.median(each) for name, each in costs.items()}
            yield Row(f"CPU of the server, {direction}", "s/GB", medians)


# New connections

CONCURRENT = 100


@dataclasses.dataclass
class Churn:
    completed: int
    per_second: float


def churn(folder: pathlib.Path, name: str, port: int, seconds: int) -> Churn:
    said = output(folder / "clients", "rate", port, CONCURRENT, seconds, timeout=seconds + 30)
    completed, failed, elapsed = said.split()
    if int(failed) or not int(completed):
        raise BenchError(f"{name}: {completed} connections completed, {failed} failed")
    return Churn(int(completed), int(completed) / float(elapsed))


def measure_connections(bench: Bench) -> Iterator[Row]:
    with (echo_server(bench.folder) as target, bench.peers.both(target) as servers,
          bare_relay(bench.folder, target) as (relay, relay_port)):
        ends = [(server.name, server.pid, server.tunnel) for server in servers]
        ends.append((BARE_RELAY, relay, relay_port))
        costs: dict[str, list[float]] = {name: [] for name, _, _ in ends}

        def through(name: str, pid: int, port: int) -> float:
            before = cpu_seconds(pid)
            done = churn(bench.folder, name, port, bench.seconds)
            costs[name].append((cpu_seconds(pid) - before) * 1e6 / done.completed)
            return done.per_second

        for name, _, port in ends:
            churn(bench.folder, name, port, 1)
        measures = {end[0]: lambda end=end: through(*end) for end in ends}
        measures[NO_PROXY] = lambda: churn(bench.folder, NO_PROXY, target, bench.seconds).per_second
        what = f"new connections, {CONCURRENT} at a time"
        yield Row(what, "conn/s", bench.alternate(what, measures, "conn/s"), at_least(2.0))
        medians = {name: statistics.median(each) for name, each in costs.items()}
        yield Row("CPU of the server, new connections", "us/conn", medians)


# Memory


@dataclasses.dataclass
class Memory:
    """Resident memory in KB: of the server at the start, and then per connection."""

    start: float
    idle: float
    used: float


def expect(clients: subprocess.Popen, word: str) -> str:
    """Waits for a word of the clients, and answers with what follows it; a server that cannot hold them makes them say nothing."""
    ready, _, _ = select.select([clients.stdout], [], [], 180)
    said, _, rest = (clients.stdout.readline().strip() if ready else "nothing").partition(" ")
    if said != word:
        raise BenchError(f"the clients say {said or 'nothing'}, not {word}")
    return rest


def memory(bench: Bench, name: str, target: int) -> Memory:
    """Takes a fresh server: memory that an earlier load left behind would hide what a connection needs."""
    with bench.peers.started(name, target) as server, contextlib.ExitStack() as stack:
        echo_once(server)
        time.sleep(1)
        before = resident_kilobytes(server.pid)
        clients = stack.enter_context(running(bench.folder / "clients", "hold", server.tunnel, HELD,
                                              stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        held = int(expect(clients, "held"))
        time.sleep(2)
        idle = resident_kilobytes(server.pid)
        clients.stdin.write(f"{MOVED}\n")
        clients.stdin.flush()
        expect(clients, "moved")
        time.sleep(5)
        used = resident_kilobytes(server.pid)
    result = Memory(before, (idle - before) / held, (used - before) / held)
    print(f"memory, {name}: {before:,} KB, {held} idle connections {idle:,} KB, after 1 MB each {used:,} KB",
          file=sys.stderr, flush=True)
    return result


def measure_memory(bench: Bench) -> Iterator[Row]:
    with echo_server(bench.folder) as target:
        results = {name: memory(bench, name, target) for name in bench.peers.names}
    idle = {name: each.idle for name, each in results.items()}
    used = {name: each.used for name, each in results.items()}
    start = {name: each.start / 1024 for name, each in results.items()}
    yield Row(f"memory, each of {HELD:,} idle connections", "KB", idle, at_most(12.0))
    yield Row("the same, idle again after 1 MB each way", "KB", used)
    yield Row("memory of the server at the start", "MB", start)


MEASURES: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "requests": measure_requests,
    "throughput": measure_throughput,
    "connections": measure_connections,
    "memory": measure_memory,
    "datagrams": measure_datagrams,
    "protocols": measure_protocols,
    "handshakes": measure_handshakes,
    "scripts": measure_scripts,
    "users": measure_users,
}
