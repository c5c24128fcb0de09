#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Uses the API as panels do, through every method of the client of xtlsapi (PyPI, made from the protos of November 2024),
and sends settings as that release encoded them. Exit status 1 at the first thing that is not as it should be.

    panel.py HOST PORT FREE_PORT

The core has inbounds of tags `vl`, `vm`, `tj`, `ss` without users; their user counters are on.
"""
import inspect
import os
import pathlib
import socket
import sys

# Where .ci/install puts it, with the protobuf runtime that it wants.
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
sys.path.insert(0, str(CACHE / "tidegate-xtlsapi"))

import xtlsapi
from xtlsapi import exceptions
from xtlsapi.ext import utils
from xtlsapi.xray_api.app.proxyman import config_pb2 as proxyman
from xtlsapi.xray_api.app.proxyman.command import command_pb2 as handler
from xtlsapi.xray_api.common.net import address_pb2, port_pb2
from xtlsapi.xray_api.common.protocol import user_pb2
from xtlsapi.xray_api.core import config_pb2 as core
from xtlsapi.xray_api.proxy.vless import account_pb2
from xtlsapi.xray_api.proxy.vless.inbound import config_pb2 as vless
from xtlsapi.xray_api.transport.internet import config_pb2 as internet

EMAIL = "8f0dc6a4-6a5d-4b8e-9f8b-4f0e2d0a3f53@hiddify.com"
ID = "8f0dc6a4-6a5d-4b8e-9f8b-4f0e2d0a3f53"


def check(truth: bool, what: str) -> None:
    if not truth:
        sys.exit(f"panel.py: {what}")


def raises(kind: type, body, what: str) -> Exception:
    try:
        body()
    except Exception as error:  # whatever it is, its type is looked at
        check(type(error) is kind, f"{what}: {type(error).__name__} {error} {getattr(error, 'details', '')}")
        return error
    sys.exit(f"panel.py: {what}: nothing is raised")


def users(client: xtlsapi.XrayClient) -> None:
    accounts = [("vl", "vless", {"flow": "\0"}), ("vm", "vmess", {}), ("ss", "shadowsocks", {"cipher": "aes_256_gcm"})]
    for tag, protocol, more in accounts:
        add = lambda: client.add_client(tag, ID, EMAIL, protocol=protocol, **more)
        check(add() == ID, f"{protocol}: added")
        if protocol != "shadowsocks":  # takes an e-mail twice, as the original does
            raises(exceptions.EmailAlreadyExists, add, f"{protocol}: added twice")
        client.remove_client(tag, EMAIL)
        raises(exceptions.EmailNotFound, lambda: client.remove_client(tag, EMAIL), f"{protocol}: removed twice")
        raises(exceptions.InboundNotFound, lambda: client.add_client("no", ID, EMAIL, protocol=protocol, **more), protocol)
    raises(exceptions.InboundNotFound, lambda: client.remove_client("no", EMAIL), "removed from nowhere")
    for cipher in ("aes_128_gcm", "chacha20_poly1305", "xchacha20_poly1305"):
        try:
            client.add_client("ss", "secret", f"{cipher}@x", protocol="shadowsocks", cipher=cipher)
            client.remove_client("ss", f"{cipher}@x")
        except exceptions.XRayException as error:
            check(cipher.startswith("x") and "not available" in error.details, error.details)
    refused = raises(exceptions.XRayException, lambda: client.add_client("ss", "secret", "n@x", protocol="shadowsocks"),
                     "the cipher none")
    check(refused.details.endswith("Unsupported cipher."), refused.details)
    refused = raises(exceptions.XRayException, lambda: client.add_client("vl", "x" * 31, "b@x"), "a bad id")
    check("invalid UUID" in refused.details, refused.details)
    # The client's own fault: its message has no field `flow`.
    raises(ValueError, lambda: client.add_client("tj", "secret", EMAIL, protocol="trojan"), "trojan")


def statistics(client: xtlsapi.XrayClient) -> None:
    names = [stat.name for stat in client.stats_query("inbound")]
    check({"inbound>>>vl>>>traffic>>>uplink", "inbound>>>ss>>>traffic>>>downlink"} <= set(names), f"{names}")
    check(list(client.stats_query("user", reset=True)) == [], "no user has connected")
    check(client.get_inbound_upload_traffic("vl") == 0 and client.get_inbound_download_traffic("vl", reset=True) == 0, "in")
    check(client.get_client_upload_traffic(EMAIL) is None and client.get_client_download_traffic(EMAIL) is None, "user")
    raises(Exception, client.get_total_upload_traffic, "not implemented by the client")
    raises(Exception, client.get_total_download_traffic, "not implemented by the client")
    try:
        client.stats_online(EMAIL)
        sys.exit("panel.py: a user who never connected is online")
    except Exception as error:
        check(error.details() == f"user>>>{EMAIL}>>>online not found.", f"{error}")


def settings_of_an_older_release(client: xtlsapi.XrayClient, port: int) -> None:
    """An inbound whose receiver and VLESS settings have the field numbers of November 2024."""
    receiver = proxyman.ReceiverConfig(
        port_list=port_pb2.PortList(range=[port_pb2.PortRange(From=port, To=port)]),
        listen=address_pb2.IPOrDomain(ip=b"\x7f\0\0\x01"), allocation_strategy=proxyman.AllocationStrategy(),
        stream_settings=internet.StreamConfig(protocol_name="tcp"),
        sniffing_settings=proxyman.SniffingConfig(enabled=True, destination_override=["http"], domains_excluded=["a.test"]))
    account = utils.to_typed_message(account_pb2.Account(id=ID))
    proxy = vless.Config(clients=[user_pb2.User(email=EMAIL, account=account)], decryption="none")
    client.handler_stub.AddInbound(handler.AddInboundRequest(inbound=core.InboundHandlerConfig(
        tag="old", receiver_settings=utils.to_typed_message(receiver), proxy_settings=utils.to_typed_message(proxy))))
    socket.create_connection(("127.0.0.1", port), 10).close()
    raises(exceptions.EmailAlreadyExists, lambda: client.add_client("old", ID, EMAIL), "its user is there")
    client.handler_stub.RemoveInbound(handler.RemoveInboundRequest(tag="old"))


def main() -> None:
    client = xtlsapi.XrayClient(sys.argv[1], int(sys.argv[2]))
    methods = {name for name, _ in inspect.getmembers(client, inspect.ismethod) if not name.startswith("_")}
    users(client)
    statistics(client)
    client.restart_logger()
    settings_of_an_older_release(client, int(sys.argv[3]))
    used = inspect.getsource(sys.modules[__name__])
    missing = {name for name in methods if f"client.{name}" not in used}
    check(not missing, f"not tried: {missing}")
    print(f"{len(methods)} methods of xtlsapi tried")


main()
