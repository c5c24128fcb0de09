#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Uses the API as a client that knows nothing of it beforehand: lists, describes and calls by reflection (grpcio,
grpcio-reflection). Exit status 1 at the first thing that is not as it should be.

    reflection.py ADDRESS SOCKS_PORT TARGET_PORT

The core at ADDRESS serves every service; SOCKS_PORT is an inbound of tag `s5`, `vl` is a VLESS inbound, `direct` and
`blocked` are outbounds, and at TARGET_PORT something listens.
"""
from __future__ import annotations

import socket
import struct
import sys
import threading

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

VERSIONS = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")


def check(truth: bool, what: str) -> None:
    if not truth:
        sys.exit(f"reflection.py: {what}")


class API:
    """Calls by the names of services and methods, with requests as dictionaries of fields."""

    def __init__(self, address: str):
        self.channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = descriptor_pool.DescriptorPool(self.database)
        self.services = self.database.get_services()

    def message(self, name: str, **fields):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))(**fields)

    def typed(self, name: str, **fields):
        value = self.message(name, **fields).SerializeToString()
        return self.message("xray.common.serial.TypedMessage", type=name, value=value)

    def method(self, path: str):
        service, name = path.split("/")
        return self.pool.FindServiceByName(service).methods_by_name[name]

    def call(self, path: str, **fields):
        method = self.method(path)
        answer = message_factory.GetMessageClass(method.output_type)
        make = self.channel.unary_stream if method.server_streaming else self.channel.unary_unary
        stub = make("/" + path, lambda message: message.SerializeToString(), answer.FromString)
        return stub(message_factory.GetMessageClass(method.input_type)(**fields), timeout=20)

    def refused(self, path: str, **fields) -> grpc.RpcError:
        try:
            answer = self.call(path, **fields)
            if self.method(path).server_streaming:
                next(answer)
        except grpc.RpcError as error:
            return error
        sys.exit(f"reflection.py: {path} is not refused: {answer}")


HANDLER = "xray.app.proxyman.command.HandlerService/"
ROUTING = "xray.app.router.command.RoutingService/"
STATS = "xray.app.stats.command.StatsService/"


def list_and_describe(api: API) -> int:
    """Every service that is listed can be described, with all its types; answers with the number of methods."""
    own = {"tidegate.core.v1.FlowService", "grpc.health.v1.Health", "xray.app.proxyman.command.HandlerService",
           "xray.app.router.command.RoutingService", "xray.app.stats.command.StatsService",
           "xray.app.log.command.LoggerService", *VERSIONS}
    check(own <= set(api.services), f"not listed: {own - set(api.services)}")
    aliases = [name for name in api.services if name.startswith("v2ray.core.")]
    check(len(aliases) == 4, f"aliases: {aliases}")
    methods = 0
    for name in api.services:
        for method in api.pool.FindServiceByName(name).methods:
            check(bool(method.input_type.full_name and method.output_type.full_name), f"{method.full_name} has types")
            methods += 1
    return methods


def other_requests(api: API) -> None:
    """All kinds of requests, in both versions, in one stream each."""
    kinds = reflection_pb2.ServerReflectionRequest
    requests = [
        kinds(list_services="*"), kinds(file_by_filename="app/stats/command/command.proto"),
        kinds(file_containing_symbol="xray.app.stats.command.Stat.value"), kinds(file_containing_symbol="no.such"),
        kinds(file_containing_extension=reflection_pb2.ExtensionRequest(
            containing_type="xray.app.stats.command.Stat", extension_number=100)),
        kinds(all_extension_numbers_of_type="xray.app.stats.command.Stat"),
    ]
    wanted = ["list_services_response", "file_descriptor_response", "file_descriptor_response", "error_response",
              "error_response", "all_extension_numbers_response"]
    for version in VERSIONS:
        stub = api.channel.stream_stream(
            f"/{version}/ServerReflectionInfo", kinds.SerializeToString,
            reflection_pb2.ServerReflectionResponse.FromString)
        answers = [answer.WhichOneof("message_response") for answer in stub(iter(requests), timeout=20)]
        check(answers == wanted, f"{version} answers with {answers}")


def every_method_answers(api: API) -> None:
    """An empty request to every unary method is answered or refused with a text, and is neither unknown nor a fault."""
    for name in api.services:
        for method in api.pool.FindServiceByName(name).methods:
            if method.server_streaming or method.name in ("RestartLogger",):
                continue
            try:
                api.call(f"{name}/{method.name}")
            except grpc.RpcError as error:
                check(error.code() in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.NOT_FOUND), f"{name}/{method.name}: {error}")
                check(bool(error.details()), f"{name}/{method.name} is refused without a text")


def inbounds_and_users(api: API) -> None:
    port = free_port()
    receiver = api.typed("xray.app.proxyman.ReceiverConfig", port_list={"range": [{"From": port, "To": port}]},
                         listen={"ip": b"\x7f\0\0\x01"})
    inbound = {"tag": "new", "receiver_settings": receiver, "proxy_settings": api.typed("xray.proxy.socks.ServerConfig")}
    api.call(HANDLER + "AddInbound", inbound=inbound)
    socket.create_connection(("127.0.0.1", port), 5).close()
    check(api.refused(HANDLER + "AddInbound", inbound=inbound).details().endswith("existing tag found: new"), "tag taken")
    tags = [each.tag for each in api.call(HANDLER + "ListInbounds", isOnlyTags=True).inbounds]
    check("new" in tags and "s5" in tags, f"tags {tags}")
    api.call(HANDLER + "RemoveInbound", tag="new")

    account = api.typed("xray.proxy.vless.Account", id="fc1c886a-810c-4fb5-98b2-e61e70b2266a", flow="\0")
    user = {"email": "erin@example.com", "level": 0, "account": account}
    operation = api.typed("xray.app.proxyman.command.AddUserOperation", user=user)
    before = api.call(HANDLER + "GetInboundUsersCount", tag="vl").count
    api.call(HANDLER + "AlterInbound", tag="vl", operation=operation)
    refused = api.refused(HANDLER + "AlterInbound", tag="vl", operation=operation)
    check(refused.details().endswith("User erin@example.com already exists."), refused.details())
    check(api.call(HANDLER + "GetInboundUsersCount", tag="vl").count == before + 1, "count")
    found = api.call(HANDLER + "GetInboundUsers", tag="vl", email="erin@example.com").users
    check(len(found) == 1 and found[0].account.type == "xray.proxy.vless.Account", f"{found}")
    remove = api.typed("xray.app.proxyman.command.RemoveUserOperation", email="erin@example.com")
    api.call("v2ray.core.app.proxyman.command.HandlerService/AlterInbound", tag="vl", operation=remove)
    check(api.refused(HANDLER + "AlterInbound", tag="no", operation=remove).details().endswith("handler not found: no"), "no")


def rules_and_decisions(api: API, socks: int, target: int) -> None:
    rule = {"tag": "blocked", "rule_tag": "by-client", "inbound_tag": ["nowhere"]}
    config = api.typed("xray.app.router.Config", rule=[rule])
    api.call(ROUTING + "AddRule", config=config, shouldAppend=True)
    listed = [(each.tag, each.ruleTag) for each in api.call(ROUTING + "ListRule").rules]
    check(("blocked", "by-client") in listed, f"{listed}")
    context = {"InboundTag": "nowhere", "TargetDomain": "example.com", "Network": 2}
    answer = api.call(ROUTING + "TestRoute", RoutingContext=context, FieldSelectors=["outbound"])
    check(answer.OutboundTag == "blocked" and not answer.InboundTag, f"{answer}")
    api.call(ROUTING + "RemoveRule", ruleTag="by-client")

    stream = api.call(ROUTING + "SubscribeRoutingStats", FieldSelectors=["inbound", "ip_target", "port_target", "outbound"])
    first: list = []
    reader = threading.Thread(target=lambda: first.append(next(stream)), daemon=True)
    reader.start()
    while reader.is_alive():  # until the subscription is there, decisions are not seen
        through_socks(socks, target).close()
        reader.join(0.1)
    decision = first[0]
    check(decision.InboundTag == "s5" and decision.OutboundTag == "direct" and decision.TargetPort == target, f"{decision}")
    check(decision.Network == 0 and list(decision.TargetIPs) == [b"\x7f\0\0\x01"] and not decision.SourcePort, f"{decision}")
    stream.cancel()


def statistics(api: API) -> None:
    names = [stat.name for stat in api.call(STATS + "QueryStats", pattern="s5").stat]
    check("inbound>>>s5>>>traffic>>>uplink" in names, f"{names}")
    check(api.call(STATS + "GetSysStats").Alloc > 0, "memory")
    check(api.refused(STATS + "GetStats", name="none").code() == grpc.StatusCode.NOT_FOUND, "a missing counter")
    api.call("xray.app.log.command.LoggerService/RestartLogger")


def flows(api: API, socks: int, target: int) -> None:
    held = through_socks(socks, target)
    selector = {"inbound_tag": "s5", "source_ip": [{"custom": {"cidr": {"ip": b"\x7f\0\0\0", "prefix": 8}}}]}
    listed = api.call("tidegate.core.v1.FlowService/ListFlows", selector=selector)
    check(listed.total >= 1 and any(flow.target_port == target for flow in listed.flows), f"{listed}")
    check(api.call("tidegate.core.v1.FlowService/CloseFlows", selector=selector).closed >= 1, "closed")
    held.settimeout(10)
    check(end_of(held), "the connection was cut")


def health(api: API) -> None:
    path = "grpc.health.v1.Health/"
    check(api.call(path + "Check", service="xray.app.stats.command.StatsService").status == 1, "serving")
    check(api.refused(path + "Check", service="none").code() == grpc.StatusCode.NOT_FOUND, "unknown service")
    stream = api.call(path + "Watch", service="none")
    check(next(stream).status == 3, "SERVICE_UNKNOWN")
    stream.cancel()


def through_socks(proxy: int, target: int) -> socket.socket:
    """A connection through the SOCKS inbound, on which a byte went to the target."""
    connection = socket.create_connection(("127.0.0.1", proxy), 10)
    connection.sendall(b"\x05\x01\x00" + b"\x05\x01\x00\x01\x7f\x00\x00\x01" + struct.pack(">H", target))
    answer = b""
    while len(answer) < 12:
        part = connection.recv(12 - len(answer))
        check(bool(part), "the SOCKS inbound answers")
        answer += part
    connection.sendall(b"x")
    return connection


def end_of(connection: socket.socket) -> bool:
    """Reads to the end, be it orderly or a reset; false when nothing comes for too long."""
    try:
        while connection.recv(100):
            pass
        return True
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main() -> None:
    address, socks, target = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    api = API(address)
    methods = list_and_describe(api)
    other_requests(api)
    inbounds_and_users(api)
    rules_and_decisions(api, socks, target)
    statistics(api)
    flows(api, socks, target)
    health(api)
    every_method_answers(api)
    print(f"{len(api.services)} services with {methods} methods listed, described and called")


main()
