#!/usr/bin/env python3
"""A QUIC connection by aioquic through a proxy: quic.py SERVER_PORT PROXY_PORT SERVER_NAME HELLO_BYTES

Serves an echo on SERVER_PORT, connects to PROXY_PORT for SERVER_NAME with a ClientHello of at least HELLO_BYTES, and prints what
came back. The handshake has two seconds.
"""
import asyncio
import datetime
import ssl
import sys

from aioquic.asyncio import connect, serve
from aioquic.quic.configuration import QuicConfiguration
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "quic.example")])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    return key, builder.sign(key, hashes.SHA256())


async def main(server_port, proxy_port, name, hello_bytes):
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["echo"])
    configuration.private_key, configuration.certificate = certificate()

    def echo(reader, writer):
        async def run():
            writer.write(await reader.read())
            writer.write_eof()

        asyncio.ensure_future(run())

    server = await serve("127.0.0.1", server_port, configuration=configuration, stream_handler=echo)
    # Protocols that nobody speaks make the hello as long as is asked for.
    fill = [f"{number:04}" + "x" * 196 for number in range(hello_bytes // 200 + 1)] if hello_bytes else []
    client = QuicConfiguration(
        is_client=True, alpn_protocols=["echo"] + fill, server_name=name, verify_mode=ssl.CERT_NONE, idle_timeout=2)
    try:
        async with connect("127.0.0.1", proxy_port, configuration=client) as connection:
            reader, writer = await connection.create_stream()
            payload = bytes(range(256)) * 1024
            writer.write(payload)
            writer.write_eof()
            answer = await asyncio.wait_for(reader.read(), 20)
            print("echoed" if answer == payload else "changed", len(answer))
    except ConnectionError:
        print("not connected")
    server.close()


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
