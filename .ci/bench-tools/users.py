# SPDX-License-Identifier: Apache-2.0
"""What 100,000 users in one inbound cost: single changes and queries, and whether the large ones stall the data path."""
from __future__ import annotations

import contextlib
import json
import pathlib
import selectors
import socket
import statistics
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator

from processes import BenchError, echo_server, running
from servers import free_ports, wait_until_listening
from table import Row, at_most

USERS = 100_000
CALLS = 500
AT_ONCE = 64
HANDLER = "/xray.app.proxyman.command.HandlerService/"
STATS = "/xray.app.stats.command.StatsService/"


def user_id(number: int) -> uuid.UUID:
    return uuid.UUID(int=0x1000_0000_0000_4000_8000_0000_0000_0000 + number)


def email(number: int) -> str:
    return f"user-{number:06}@example.com"


def configuration(api: int, vless: int, tunnel: int, target: int) -> dict:
    users = [{"id": str(user_id(number)), "email": email(number)} for number in range(USERS)]
    listen = {"listen": "127.0.0.1"}
    return {
        "log": {"loglevel": "warning", "access": "none"}, "stats": {},
        "policy": {"levels": {"0": {"statsUserUplink": True, "statsUserDownlink": True}}},
        "api": {"tag": "api", "listen": f"127.0.0.1:{api}", "services": ["HandlerService", "StatsService"]},
        "inbounds": [
            {**listen, "tag": "in", "port": vless, "protocol": "vless", "settings": {"clients": users, "decryption": "none"}},
            {**listen, "tag": "tunnel", "port": tunnel, "protocol": "dokodemo-door",
             "settings": {"address": "127.0.0.1", "port": target}}],
        "outbounds": [{"tag": "direct", "protocol": "freedom", "settings": {"finalRules": [{"action": "allow"}]}}],
    }


def message(*fields: tuple[int, bytes | str | int]) -> bytes:
    """An encoded protobuf message."""
    encoded = b""
    for number, value in fields:
        if isinstance(value, int):
            encoded += varint(number << 3) + varint(value)
        else:
            content = value.encode() if isinstance(value, str) else value
            encoded += varint(number << 3 | 2) + varint(len(content)) + content
    return encoded


def varint(value: int) -> bytes:
    encoded = b""
    while value >= 0x80:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def typed(name: str, content: bytes) -> bytes:
    return message((1, name), (2, content))


def alter(kind: str, content: bytes) -> bytes:
    return message((1, "in"), (2, typed(f"xray.app.proxyman.command.{kind}", content)))


def adding(number: int) -> bytes:
    account = typed("xray.proxy.vless.Account", message((1, str(user_id(number)))))
    return alter("AddUserOperation", message((1, message((2, email(number)), (3, account)))))


def removing(number: int) -> bytes:
    return alter("RemoveUserOperation", message((1, email(number))))


class Client:
    def __init__(self, port: int):
        import grpc  # only this measure needs it

        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[
            ("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", 256 << 20)])

    def call(self, path: str, request: bytes = b"") -> bytes:
        return self.channel.unary_unary(path)(request, timeout=60)

    def median_ms(self, path: str, requests: Iterator[bytes]) -> float:
        call = self.channel.unary_unary(path)
        times = []
        for request in requests:
            start = time.perf_counter()
            call(request, timeout=60)
            times.append((time.perf_counter() - start) * 1000)
        return statistics.median(times)


def connect_all(vless: int, target: int) -> None:
    """One connection with one byte of payload for each user, so that all have counters."""
    selector = selectors.DefaultSelector()
    waiting = iter(range(USERS))
    open_now = 0

    def begin() -> bool:
        number = next(waiting, None)
        if number is None:
            return False
        connection = socket.create_connection(("127.0.0.1", vless), 20)
        connection.sendall(b"\0" + user_id(number).bytes + b"\0\1" + struct.pack(">H", target) + b"\x01\x7f\0\0\x01x")
        selector.register(connection, selectors.EVENT_READ, bytearray())
        return True

    for _ in range(AT_ONCE):
        open_now += begin()
    while open_now:
        ready = selector.select(30)
        if not ready:
            raise BenchError("a connection through VLESS is not answered")
        for key, _ in ready:
            part = key.fileobj.recv(16)
            key.data.extend(part)
            if part and len(key.data) < 3:
                continue
            if bytes(key.data) != b"\0\0x":
                raise BenchError(f"a connection through VLESS is answered with {bytes(key.data)}")
            selector.unregister(key.fileobj)
            key.fileobj.close()
            open_now += begin() - 1


def echo_p99_ms(folder: pathlib.Path, port: int, seconds: int, work: Callable[[], None]) -> tuple[float, int]:
    """The 99th percentile of one byte there and back, one after the other, while `work` is done over and over; and how often
    it was."""
    done = 0
    with running(folder / "clients", "latency", port, 8, seconds, stdout=subprocess.PIPE) as clients:
        while clients.poll() is None:
            work()
            done += 1
        said = clients.stdout.read().split()
    if clients.returncode or len(said) != 2:
        raise BenchError(f"the clients say {' '.join(said) or 'nothing'}")
    return float(said[1]), done


@contextlib.contextmanager
def started(folder: pathlib.Path, binary: pathlib.Path, target: int):
    api, vless, tunnel = free_ports(3)
    file, log = folder / "users.json", folder / "users.log"
    file.write_text(json.dumps(configuration(api, vless, tunnel, target)))
    with log.open("w") as said, running(binary, "run", "-c", file, stdout=said, stderr=said, cwd=folder) as process:
        wait_until_listening(process, api, "tidegate", patience=120)  # it reads a configuration of 10 MB
        yield Client(api), vless, tunnel


def measure_users(bench) -> Iterator[Row]:
    binary = bench.peers.kinds["tidegate"][0][0]
    with echo_server(bench.folder) as target, started(bench.folder, binary, target) as (client, vless, tunnel):
        begin = time.monotonic()
        connect_all(vless, target)
        print(f"{USERS:,} users have connected in {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        new = range(USERS, USERS + CALLS)
        name = message((1, f"user>>>{email(USERS // 2)}>>>"))

        def figure(what: str, value: float, limit: float, unit: str = "ms") -> Row:
            print(f"{what}: {value:.3f} {unit}", file=sys.stderr, flush=True)
            return Row(what, unit, {"tidegate": value}, at_most(limit))

        of = f"of {USERS:,} users"
        yield figure(f"AlterInbound: add one {of}", client.median_ms(HANDLER + "AlterInbound", map(adding, new)), 1)
        yield figure(f"AlterInbound: remove one {of}", client.median_ms(HANDLER + "AlterInbound", map(removing, new)), 1)
        count = (message((1, "in")) for _ in new)
        yield figure(f"GetInboundUsersCount {of}", client.median_ms(HANDLER + "GetInboundUsersCount", count), 1)
        one = (name for _ in new)
        yield figure(f"QueryStats: one {of}", client.median_ms(STATS + "QueryStats", one), 1)

        everything = {
            "nothing else": lambda: time.sleep(0.01),
            f"QueryStats of {2 * USERS:,} counters": lambda: client.call(STATS + "QueryStats"),
            f"ListInbounds {of}": lambda: client.call(HANDLER + "ListInbounds"),
            f"GetInboundUsers {of}": lambda: client.call(HANDLER + "GetInboundUsers", message((1, "in"))),
        }
        for what, work in everything.items():
            p99, done = echo_p99_ms(bench.folder, tunnel, bench.seconds, work)
            print(f"during {what}: {done} times in {bench.seconds} s", file=sys.stderr, flush=True)
            yield figure(f"p99 of an echo during {what}", p99, 5)
