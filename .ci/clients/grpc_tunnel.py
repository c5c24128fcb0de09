#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""VLESS inside the gRPC transport, by grpcio: a client of an inbound, and a server for an outbound.

  grpc_tunnel.py client ADDRESS SERVICE UUID PORT [CA]   PORT: a byte server of the tests, on 127.0.0.1 behind the inbound
  grpc_tunnel.py server SERVICE [CERTIFICATE KEY]        prints its port; echoes what comes behind a VLESS request
"""
import queue
import struct
import sys
import threading
import uuid
from concurrent import futures

import grpc

OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def varint(value):
    out = bytearray()
    while True:
        out.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def hunk(*pieces):
    return b"".join(b"\x0a" + varint(len(piece)) + piece for piece in pieces)


def payload(message):
    """All fields 1 of a message, which has no others."""
    out, at = b"", 0
    while at < len(message):
        assert message[at] == 0x0A, message[at:at + 8]
        at, length, shift = at + 1, 0, 0
        while True:
            octet = message[at]
            length |= (octet & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if octet < 0x80:
                break
        out += message[at:at + length]
        at += length
    return out


class Tunnel:
    """One stream: messages out by a queue, bytes in by `read`."""

    def __init__(self, channel, path, **options):
        self.outgoing = queue.Queue()
        self.call = channel.stream_stream(path)(iter(self.outgoing.get, None), timeout=60, **options)
        self.rest = b""

    def send(self, *pieces):
        self.outgoing.put(hunk(*pieces))

    def end(self):
        self.outgoing.put(None)

    def read(self, count):
        while len(self.rest) < count:
            self.rest += payload(next(self.call))
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken


def fails_with(code, text, run):
    try:
        run()
    except grpc.RpcError as error:
        assert error.code() == code, (error.code(), error.details())
        assert text in error.details(), error.details()
    else:
        raise AssertionError(f"no {code}")


def client(address, service, user, port, authority=None):
    if authority:
        credentials = grpc.ssl_channel_credentials(open(authority, "rb").read())
        channel = grpc.secure_channel(
            address, credentials, OPTIONS + [("grpc.ssl_target_name_override", "proxy.example")])
    else:
        channel = grpc.insecure_channel(address, OPTIONS)
    request = bytes([0]) + uuid.UUID(user).bytes + b"\0\1" + struct.pack(">H", int(port)) + b"\1\x7f\0\0\1"
    tun, multi = f"/{service}/Tun", f"/{service}/TunMulti"

    def exchange(path, up, down, cut, pieces=1):
        tunnel = Tunnel(channel, path)
        tunnel.send(request[:cut])
        body = struct.pack(">II", up, down) + b"u" * (up - 8)
        parts = [body[at:at + 5000] for at in range(0, len(body), 5000)]
        tunnel.send(request[cut:], b"", parts[0]) if pieces > 1 else tunnel.send(request[cut:] + parts[0])
        for at in range(1, len(parts), pieces):
            tunnel.send(*parts[at:at + pieces])
        assert tunnel.read(2) == b"\0\0"
        assert tunnel.read(down) == b"d" * down
        # The server behind waits for the next request: the end of ours ends it, and that comes back as the status.
        tunnel.end()
        assert list(tunnel.call) == [] and tunnel.call.code() == grpc.StatusCode.OK, tunnel.call.code()

    exchange(tun, 100, 1_000_000, 7)
    exchange(multi, 3_000_000, 100, 20, pieces=5)
    exchange(tun, 8_000_000, 8_000_000, 1)
    with futures.ThreadPoolExecutor(40) as pool:
        for result in [pool.submit(exchange, tun if i % 2 else multi, 1000, 50_000, 3) for i in range(80)]:
            result.result()

    fails_with(grpc.StatusCode.UNIMPLEMENTED, "unknown service other",
               lambda: next(Tunnel(channel, "/other/Tun").call))
    fails_with(grpc.StatusCode.UNIMPLEMENTED, f"unknown method Tum for service {service}",
               lambda: next(Tunnel(channel, f"/{service}/Tum").call))
    zipped = Tunnel(channel, tun, compression=grpc.Compression.Gzip)
    fails_with(grpc.StatusCode.UNIMPLEMENTED, "Decompressor is not installed", lambda: next(zipped.call))
    large = Tunnel(channel, tun)
    large.send(b"x" * 5_000_000)
    fails_with(grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max", lambda: next(large.call))
    exchange(tun, 100, 100, 7)
    print("the inbound was used as a gRPC service")


class Echo(grpc.GenericRpcHandler):
    def __init__(self, paths):
        self.paths = paths
        self.lock = threading.Lock()
        self.peers, self.streams = set(), 0

    def service(self, details):
        if details.method not in self.paths:
            return None
        with self.lock:
            if not any(key == "user-agent" for key, _ in details.invocation_metadata):
                print("no user agent", flush=True)
        return grpc.stream_stream_rpc_method_handler(self.serve)

    def serve(self, messages, context):
        with self.lock:
            self.peers.add(context.peer())
            self.streams += 1
            print(f"{self.streams} streams by {len(self.peers)} connections", flush=True)
        head = b""
        while len(head) < 26:
            head += payload(next(messages))
        assert head[0] == 0 and head[17] == 0 and head[18] == 1, head
        # A target of 127.0.0.1: version, id, addons, command, port, address.
        yield hunk(b"\0\0")
        if head[26:]:
            yield hunk(head[26:])
        for message in messages:
            if payload(message):
                yield message


def server(service, certificate=None, key=None):
    instance = grpc.server(futures.ThreadPoolExecutor(64), options=OPTIONS)
    instance.add_generic_rpc_handlers([Echo([f"/{service}/Tun", f"/{service}/TunMulti"])])
    if certificate:
        pair = (open(key, "rb").read(), open(certificate, "rb").read())
        port = instance.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    else:
        port = instance.add_insecure_port("127.0.0.1:0")
    instance.start()
    print(f"port {port}", flush=True)
    instance.wait_for_termination()


{"client": client, "server": server}[sys.argv[1]](*sys.argv[2:])
