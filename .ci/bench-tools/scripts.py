# SPDX-License-Identifier: Apache-2.0
"""What scripts cost: calls from Lua beside the same calls by a gRPC client, the schedules' own work and punctuality, and what the
proxy loses to them, also to those that do their worst."""
from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from processes import (BenchError, cpu_seconds, echo_server, free_ports, output, resident_kilobytes, running,
                       wait_until_listening)
from servers import shared_sections
from table import Row, at_most
from users import echo_p99_ms

MATCHES = 1000
"""Counters that one query finds: two for each of 500 outbounds."""
SCHEDULED = 1000

CALLS = """
local name = "outbound>>>out-1>>>traffic>>>uplink"
local function each(count, fn)
    local began = time.uptime()
    for _ = 1, count do fn() end
    return (time.uptime() - began) / count
end
after("500ms", function()
    local get = each(300000, function() stats.get(name) end)
    local query = each(200, function() assert(#stats.QueryStats{ pattern = "outbound>>>out-" }.stat == %d) end)
    log.warning(("measured get=%%.9f query=%%.9f"):format(get, query))
end)
""" % MATCHES

CLIENT = """
import grpc, sys, time
channel = grpc.insecure_channel(f"127.0.0.1:{sys.argv[1]}", options=[("grpc.enable_http_proxy", 0)])
def call(method):
    return channel.unary_unary(f"/xray.app.stats.command.StatsService/{method}", lambda b: b, lambda b: b)
def field(number, text):
    return bytes([number << 3 | 2, len(text)]) + text
def each(count, method, request):
    ask = call(method)
    ask(request)
    began = time.perf_counter()
    for _ in range(count): ask(request)
    return (time.perf_counter() - began) / count
print(each(2000, "GetStats", field(1, b"outbound>>>out-1>>>traffic>>>uplink")),
      each(100, "QueryStats", field(1, b"outbound>>>out-")))
"""

BUSY = """
for number = 1, 100 do every("10ms", function() end, { name = "n" .. number }) end
"""

PUNCTUAL = """
local late = {}
every("1s", function(run) late[#late + 1] = run.late end, { jitter = "1s", name = "%s" })
on_stop(function() log.warning("late " .. table.concat(late, " ")) end)
"""


HOSTILE = {
    "a loop without end": "while true do end",
    "one that catches its stop": "local function spin() while true do end end while true do pcall(spin) end",
    "one that eats memory": "local s = 'x' while true do s = s .. s end",
    "a pattern that tries everything": "('a'):rep(2000):find(('a*'):rep(30) .. 'b')",
    "calls without end": "while true do pcall(stats.get, 'x') end",
}
"""Runs that are stopped by a limit and begin again at once."""


AMPLE = {"instructions": 10_000_000_000, "time": "300s"}
TIGHT = {"instructions": 10_000_000_000, "time": "300ms", "memory": "8MB", "calls": 10_000}


def configuration(api: int, tunnel: int, target: int, scripts: list[str], outbounds: int, limits: dict) -> dict:
    sections = shared_sections(tunnel, target)
    sections["log"] = {"loglevel": "warning", "access": "none"}
    sections["api"] = {"tag": "api", "listen": f"127.0.0.1:{api}", "services": ["StatsService"]}
    sections["outbounds"] += [{"tag": f"out-{number}", "protocol": "freedom"} for number in range(outbounds)]
    sections["automation"] = {"limits": limits, "scripts": [{"file": script} for script in scripts]}
    return sections


class Core:
    """A running tidegate with scripts; a context manager."""

    def __init__(self, bench, name: str, target: int, scripts: dict[str, str], outbounds: int = 0,
                 limits: dict = AMPLE):
        self.api, self.tunnel = free_ports(2)
        self.folder = bench.folder / name
        self.folder.mkdir()
        for file, text in scripts.items():
            (self.folder / file).write_text(text)
        files = [str(self.folder / file) for file in scripts]
        (self.folder / "config.json").write_text(
            json.dumps(configuration(self.api, self.tunnel, target, files, outbounds, limits)))
        self.log = self.folder / "log"
        self.said = self.log.open("w")
        command = bench.peers.kinds["tidegate"][0]
        self.process = running(
            *command, self.folder / "config.json", stdout=self.said, stderr=self.said, cwd=self.folder)

    def __enter__(self) -> "Core":
        process = self.process.__enter__()
        self.pid = process.pid
        for port in (self.api, self.tunnel):
            wait_until_listening(process, port, "tidegate")
        return self

    def __exit__(self, *error) -> None:
        self.process.__exit__(*error)
        self.said.close()

    def wait_for(self, pattern: str, seconds: float) -> re.Match:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := re.search(pattern, self.log.read_text()):
                return found
            time.sleep(0.1)
        raise BenchError(f"the scripts did not say {pattern!r}: {self.log.read_text()[-400:]}")


def measure_calls(bench) -> Iterator[Row]:
    client = bench.folder / "client.py"
    client.write_text(CLIENT)
    with Core(bench, "calls", 9, {"calls.lua": CALLS}, MATCHES // 2) as core:
        found = core.wait_for(r"measured get=([\d.]+) query=([\d.]+)", 120)
        inside = [float(text) for text in found.groups()]
        outside = [float(text) for text in output(sys.executable, client, core.api, timeout=120).split()]
    get, query = "stats.get", f"stats.QueryStats, {MATCHES:,} matches"
    yield Row(f"{get} in a script", "ns", {"tidegate": inside[0] * 1e9}, at_most(250))
    yield Row(f"{get} by a gRPC client in Python", "ns", {"tidegate": outside[0] * 1e9})
    yield Row(f"{query}, in a script", "us", {"tidegate": inside[1] * 1e6}, at_most(1000))
    yield Row(f"{query}, by a gRPC client in Python", "us", {"tidegate": outside[1] * 1e6})


def measure_runs(bench) -> Iterator[Row]:
    def cost(scripts: dict[str, str]) -> float:
        with Core(bench, f"runs-{len(scripts)}", 9, scripts) as core:
            time.sleep(2)
            before = cpu_seconds(core.pid)
            time.sleep(bench.seconds)
            return (cpu_seconds(core.pid) - before) / bench.seconds

    idle, busy = cost({}), cost({"busy.lua": BUSY})
    yield Row("a scheduled run's own overhead", "us", {"tidegate": (busy - idle) / 10_000 * 1e6}, at_most(20))


def measure_punctuality(bench) -> Iterator[Row]:
    from measures import transfer  # which imports this file

    scripts = {f"s{number}.lua": PUNCTUAL % f"p{number}" for number in range(SCHEDULED)}
    rates: dict[str, list[float]] = {"without": [], "with": []}
    late: list[float] = []
    memory = 0.0
    target = free_ports(1)[0]
    with running("iperf3", "-s", "-B", "127.0.0.1", "-p", target, stdout=subprocess.DEVNULL,
                 stderr=subprocess.DEVNULL) as iperf3:
        wait_until_listening(iperf3, target, "iperf3")
        for number in range(bench.rounds):
            for name, files in (("without", {}), ("with", scripts)):
                with Core(bench, f"punctual-{name}-{number}", target, files) as core:
                    time.sleep(5)
                    rates[name].append(transfer(core.tunnel, False, bench.seconds).bits_per_second / 1e9)
                    memory = resident_kilobytes(core.pid) / 1024
                if files:
                    late += [float(text) for line in re.findall(r"late ([-\d. e]+)", core.log.read_text())
                             for text in line.split()]
    if len(late) < SCHEDULED:
        raise BenchError(f"only {len(late)} runs were told")
    late.sort()
    lost = (1 - statistics.median(rates["with"]) / statistics.median(rates["without"])) * 100
    print(f"{SCHEDULED} scripts: Gbit/s {rates}, {len(late)} runs, worst {late[-1] * 1e3:.1f} ms", file=sys.stderr, flush=True)
    yield Row(f"{SCHEDULED:,} scripts beside a full connection, p99 lateness", "ms",
              {"tidegate": late[int(len(late) * 0.99)] * 1e3}, at_most(10))
    yield Row("throughput that the connection loses to them", "%", {"tidegate": lost}, at_most(5))
    yield Row("memory of the core with them", "MB", {"tidegate": memory})


def measure_hostile(bench) -> Iterator[Row]:
    with echo_server(bench.folder) as target:
        for what, body in {"no script": "", **HOSTILE}.items():
            text = f"every('1ms', function() {body} end, {{ overlap = 'skip' }})" if body else ""
            with Core(bench, f"hostile-{what.replace(' ', '-')}", target, {"hostile.lua": text}, limits=TIGHT) as core:
                p99, _ = echo_p99_ms(bench.folder, core.tunnel, bench.seconds, lambda: time.sleep(0.05))
            yield Row(f"p99 of an echo beside {what}", "ms", {"tidegate": p99})


def measure_scripts(bench) -> Iterator[Row]:
    yield from measure_calls(bench)
    yield from measure_runs(bench)
    yield from measure_punctuality(bench)
    yield from measure_hostile(bench)
