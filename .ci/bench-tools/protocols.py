# SPDX-License-Identifier: Apache-2.0
"""What each protocol costs a server: an inbound of tidegate and one of v2ray, with freedom behind them, and the same v2ray
client process in front of both. What v2ray 4.34 has not is measured for tidegate alone, with itself as the client."""
from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from processes import BenchError, cpu_seconds, free_ports, output, resident_kilobytes, running, wait_until_listening
from table import Row, Target

ID = "b831381d-6324-4d53-ad4f-8cda48b30811"
NAMES = ("tidegate", "v2ray")
# As every server with accounts has it.
STATISTICS = {
    "stats": {},
    "policy": {
        "levels": {"0": {"statsUserUplink": True, "statsUserDownlink": True}},
        "system": {"statsInboundUplink": True, "statsInboundDownlink": True,
                   "statsOutboundUplink": True, "statsOutboundDownlink": True},
    },
}


@dataclasses.dataclass(frozen=True)
class Case:
    """A protocol with a cipher, and over what."""

    protocol: str
    cipher: str = ""
    transport: str = "raw"

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.protocol, self.cipher, self.transport) if part)

    @property
    def is_known_to_v2ray(self) -> bool:
        return not self.transport.startswith("grpc")

    @property
    def label(self) -> str:
        return self.name if self.is_known_to_v2ray else f"{self.name} (not in v2ray 4.34)"

    @property
    def targets(self) -> tuple[float, float] | tuple[None, None]:
        """The server's CPU per GB, at most so many times v2ray's: upload, download. None over other transports than TCP."""
        if self.transport != "raw":
            return None, None
        if self.cipher.startswith("chacha20"):
            return 0.40, 0.25
        return (0.35, 0.22) if self.cipher else (0.30, 0.20)

    def inbound(self, folder: pathlib.Path) -> dict:
        settings = {
            "vless": {"decryption": "none", "clients": [{"id": ID, "email": "user@bench"}]},
            "vmess": {"clients": [{"id": ID, "email": "user@bench"}]},
            "trojan": {"clients": [{"password": "secret", "email": "user@bench"}]},
            "shadowsocks": {"method": self.cipher, "password": "secret", "network": "tcp", "email": "user@bench"},
            "socks": {"auth": "noauth"},
        }[self.protocol]
        return {"protocol": self.protocol, "settings": settings, "streamSettings": self.stream(folder, server=True)}

    def outbound(self, port: int, folder: pathlib.Path) -> dict:
        server = {"address": "127.0.0.1", "port": port}
        users = {"id": ID, "security": self.cipher, "alterId": 0} if self.protocol == "vmess" else {
            "id": ID, "encryption": "none"}
        settings = {
            "vless": {"vnext": [{**server, "users": [users]}]},
            "vmess": {"vnext": [{**server, "users": [users]}]},
            "trojan": {"servers": [{**server, "password": "secret"}]},
            "shadowsocks": {"servers": [{**server, "method": self.cipher, "password": "secret"}]},
            "socks": {"servers": [server]},
        }[self.protocol]
        return {"protocol": self.protocol, "settings": settings, "streamSettings": self.stream(folder, server=False)}

    def stream(self, folder: pathlib.Path, server: bool) -> dict:
        network, _, security = self.transport.partition("+")
        stream = {
            "ws": {"network": "ws", "wsSettings": {"path": "/bench"}},
            "grpc": {"network": "grpc", "grpcSettings": {"serviceName": "bench"}},
        }.get(network, {"network": "tcp"})
        if "tls" not in (network, security):
            return stream
        pair = {"certificateFile": str(folder / "bench.pem"), "keyFile": str(folder / "bench.key")}
        if server:
            settings: dict = {"certificates": [pair]}
        elif self.is_known_to_v2ray:
            settings = {"serverName": "bench.example", "allowInsecure": True}
        else:
            settings = {"serverName": "bench.example", "disableSystemRoot": True,
                        "certificates": [{"usage": "verify", "certificateFile": str(folder / "bench.pem")}]}
        return {**stream, "security": "tls", "tlsSettings": settings}


CASES = [
    Case("vless"), Case("trojan"), Case("socks"), Case("vmess", "aes-128-gcm"), Case("vmess", "chacha20-poly1305"),
    Case("shadowsocks", "aes-128-gcm"), Case("shadowsocks", "aes-256-gcm"), Case("shadowsocks", "chacha20-poly1305"),
    Case("vless", transport="tls"), Case("trojan", transport="tls"), Case("vmess", "aes-128-gcm", "tls"),
    Case("vless", transport="ws"), Case("vmess", "aes-128-gcm", "ws"), Case("vless", transport="grpc"),
    Case("vless", transport="grpc+tls"), Case("vmess", "aes-128-gcm", "grpc"),
]


@dataclasses.dataclass
class End:
    """A server: its process, and the tunnel of the client that leads through it."""

    name: str
    pid: int
    tunnel: int


def medians(figures: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(each) for name, each in figures.items()}


def ratio_at_most(ratio: float | None) -> Target | None:
    return None if ratio is None else Target(f"<= {ratio:g}x", lambda _, measured: measured <= ratio)


@contextlib.contextmanager
def stage(bench, case: Case, target: int):
    """The servers, and the client with a tunnel to the target through each of them."""
    names = NAMES if case.is_known_to_v2ray else NAMES[:1]
    folder, servers, tunnels = bench.folder, free_ports(len(names)), free_ports(len(names))
    quiet = {"loglevel": "none", "access": "none"}
    with contextlib.ExitStack() as stack:

        def start(name: str, kind: str, port: int, configuration: dict) -> int:
            file = folder / f"{name}.json"
            file.write_text(json.dumps({"log": quiet, **configuration}))
            log = stack.enter_context((folder / f"{name}.log").open("w"))
            process = stack.enter_context(running(*bench.peers.kinds[kind][0], file, stdout=log, stderr=log))
            wait_until_listening(process, port, name)
            return process.pid

        ends = []
        for name, port, tunnel in zip(names, servers, tunnels):
            freedom: dict = {"tag": "out", "protocol": "freedom"}
            if name == "tidegate":
                freedom["settings"] = {"finalRules": [{"action": "allow"}]}
            inbound = {"tag": "in", "listen": "127.0.0.1", "port": port, **case.inbound(folder)}
            pid = start(f"server-{name}", name, port, {"inbounds": [inbound], "outbounds": [freedom], **STATISTICS})
            ends.append(End(name, pid, tunnel))
        door = {"protocol": "dokodemo-door", "listen": "127.0.0.1",
                "settings": {"address": "127.0.0.1", "port": target, "network": "tcp"}}
        start("client", names[-1], tunnels[-1], {
            "inbounds": [{**door, "tag": name, "port": tunnel} for name, tunnel in zip(names, tunnels)],
            "outbounds": [{"tag": f"to-{name}", **case.outbound(port, folder)} for name, port in zip(names, servers)],
            "routing": {"rules": [{"type": "field", "inboundTag": [name], "outboundTag": f"to-{name}"}
                                  for name in names]},
        })
        yield ends


def certificate(folder: pathlib.Path) -> None:
    output("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2,
           "-subj", "/CN=bench.example", "-keyout", folder / "bench.key", "-out", folder / "bench.pem")


def measure_protocols(bench) -> Iterator[Row]:
    """Speed, and CPU of the server per GB, of an upload and a download of one stream."""
    from measures import transfer

    certificate(bench.folder)
    target = free_ports(1)[0]
    with running("iperf3", "-s", "-B", "127.0.0.1", "-p", target, stdout=subprocess.DEVNULL,
                 stderr=subprocess.DEVNULL) as iperf3:
        wait_until_listening(iperf3, target, "iperf3")
        for case in [case for case in CASES if not bench.cases or case.name in bench.cases]:
            with stage(bench, case, target) as ends:
                for direction, reverse, ratio in zip(("upload", "download"), (False, True), case.targets):
                    costs: dict[str, list[float]] = {end.name: [] for end in ends}
                    speeds: dict[str, list[float]] = {end.name: [] for end in ends}
                    for _ in range(bench.rounds):
                        for end in ends:
                            before = cpu_seconds(end.pid)
                            moved = transfer(end.tunnel, reverse, bench.seconds)
                            costs[end.name].append((cpu_seconds(end.pid) - before) / (moved.bytes / 1e9))
                            speeds[end.name].append(moved.bits_per_second / 1e9)
                    said = ", ".join(f"{name} {' '.join(f'{cost:.2f}' for cost in each)}" for name, each in costs.items())
                    print(f"{case.name}, {direction}: {said} s/GB", file=sys.stderr, flush=True)
                    what = f"{case.label}, {direction}"
                    yield Row(what, "Gbit/s", medians(speeds))
                    yield Row("  CPU of the server", "s/GB", medians(costs), ratio_at_most(ratio))


IDLE = 5000
"""Connections that are held for the memory that each of them needs."""


def measure_handshakes(bench) -> Iterator[Row]:
    """New connections, the server's CPU for each, and its memory per idle connection, of each protocol."""
    from measures import CONCURRENT, churn
    from processes import echo_server

    certificate(bench.folder)
    with echo_server(bench.folder) as target:
        for case in [case for case in CASES if not bench.cases or case.name in bench.cases]:
            costs: dict[str, list[float]] = {}
            rates: dict[str, list[float]] = {}
            with stage(bench, case, target) as ends:
                for end in ends:
                    churn(bench.folder, end.name, end.tunnel, 1)
                for end in ends * bench.rounds:
                    before = cpu_seconds(end.pid)
                    done = churn(bench.folder, end.name, end.tunnel, bench.seconds)
                    costs.setdefault(end.name, []).append((cpu_seconds(end.pid) - before) * 1e6 / done.completed)
                    rates.setdefault(end.name, []).append(done.per_second)
            # Fresh servers: memory that the load left behind would hide what a connection needs.
            with stage(bench, case, target) as ends:
                memory = {end.name: idle_memory(bench, end) for end in ends}
            print(f"{case.name}: {rates} conn/s, {costs} us/conn, {memory} KB", file=sys.stderr, flush=True)
            what = f"{case.label}, {CONCURRENT} new connections at a time"
            yield Row(what, "conn/s", medians(rates))
            yield Row("  CPU of the server", "us/conn", medians(costs))
            yield Row(f"  memory, each of {IDLE:,} idle connections", "KB", memory,
                      Target("<= 14", lambda measured, _: measured <= 14))


def idle_memory(bench, end: End) -> float:
    """Kilobytes of the server for each idle connection."""
    from measures import expect

    before = resident_kilobytes(end.pid)
    with running(bench.folder / "clients", "hold", end.tunnel, IDLE, stdin=subprocess.PIPE,
                 stdout=subprocess.PIPE) as clients:
        # v2ray's filter of VMess identifiers takes some new ones for old, and their clients wait for ever.
        held = int(expect(clients, "held"))
        time.sleep(2)
        return (resident_kilobytes(end.pid) - before) / held
