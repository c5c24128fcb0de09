# SPDX-License-Identifier: Apache-2.0
"""Datagrams through the tunnel: how many, what they cost, and what a flow of them holds."""
from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from processes import BenchError, cpu_seconds, output, resident_kilobytes, running
from servers import Server
from table import NO_PROXY, Row, at_least, at_most

FLOWS, WINDOW, SIZE = 64, 4, 1200
HELD = 3000


def round_trips(bench, name: str, port: int) -> tuple[float, int]:
    """Round trips per second, and how many there were."""
    said = output(bench.folder / "datagrams", "rate", port, FLOWS, WINDOW, SIZE, bench.seconds, timeout=bench.seconds + 30)
    returned, lost, elapsed = said.split()
    if not int(returned):
        raise BenchError(f"{name}: no datagram came back")
    if int(lost) > int(returned) / 100:
        print(f"{name}: {lost} datagrams lost, {returned} came back", file=sys.stderr, flush=True)
    return int(returned) / float(elapsed), int(returned)


def held_by_a_flow(bench, name: str, target: int) -> float:
    """KB; of a fresh server, because memory that an earlier load left behind would hide what a flow needs."""
    with bench.peers.started(name, target) as server:
        round_trips(bench, name, server.tunnel)
        before = resident_kilobytes(server.pid)
        with running(bench.folder / "datagrams", "hold", server.tunnel, HELD, SIZE, stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE) as clients:
            word, _, held = clients.stdout.readline().strip().partition(" ")
            if word != "held" or int(held) < HELD * 0.9:
                raise BenchError(f"{name} answered {held or 'none'} of {HELD} flows of datagrams")
            time.sleep(1)
            after = resident_kilobytes(server.pid)
    print(f"datagrams, {name}: {before:,} KB, {held} flows {after:,} KB", file=sys.stderr, flush=True)
    return (after - before) / int(held)


def measure_datagrams(bench) -> Iterator[Row]:
    with running(bench.folder / "datagrams", "echo", stdout=subprocess.PIPE) as echo:
        target = int(echo.stdout.readline())
        with bench.peers.both(target) as servers:
            costs: dict[str, list[float]] = {server.name: [] for server in servers}

            def through(server: Server) -> float:
                before = cpu_seconds(server.pid)
                rate, count = round_trips(bench, server.name, server.tunnel)
                costs[server.name].append((cpu_seconds(server.pid) - before) * 1e6 / count)
                return rate

            measures = {server.name: lambda server=server: through(server) for server in servers}
            measures[NO_PROXY] = lambda: round_trips(bench, NO_PROXY, target)[0]
            what = f"datagrams of {SIZE:,} bytes, {FLOWS} flows"
            yield Row(what, "there and back/s", bench.alternate(what, measures, "/s"), at_least(1.0))
            medians = {name: statistics.median(each) for name, each in costs.items()}
            yield Row("CPU of the server, there and back", "us", medians)
        held = {name: held_by_a_flow(bench, name, target) for name in bench.peers.names}
        yield Row(f"memory, each of {HELD:,} flows of datagrams", "KB", held, at_most(12.0))
