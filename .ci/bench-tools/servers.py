# SPDX-License-Identifier: Apache-2.0
"""The two servers that are compared, configured alike: statistics on, log off, one tunnel and the API on loopback."""
from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import socket

from processes import BenchError, free_ports, running, wait_until_listening

TUNNEL = "tunnel"
COUNTER = f"inbound>>>{TUNNEL}>>>traffic>>>uplink"


@dataclasses.dataclass
class Server:
    """A running server: its process, the port of its API, and the port that leads to the target."""

    name: str
    pid: int
    api: int
    tunnel: int
    method: str


def shared_sections(tunnel: int, target: int) -> dict:
    """What both configurations have in common; ports of loopback."""
    return {
        "log": {"loglevel": "none", "access": "none"},
        "stats": {},
        "policy": {
            "levels": {"0": {"statsUserUplink": True, "statsUserDownlink": True}},
            "system": {
                f"stats{side}{direction}": True
                for side in ("Inbound", "Outbound")
                for direction in ("Uplink", "Downlink")
            },
        },
        "inbounds": [dokodemo(TUNNEL, tunnel, target)],
        "outbounds": [{"tag": "direct", "protocol": "freedom"}],
    }


def dokodemo(tag: str, port: int, target: int) -> dict:
    settings = {"address": "127.0.0.1", "port": target, "network": "tcp,udp"}
    return {"tag": tag, "protocol": "dokodemo-door", "listen": "127.0.0.1", "port": port, "settings": settings}


def tidegate_configuration(api: int, tunnel: int, target: int) -> dict:
    configuration = shared_sections(tunnel, target)
    configuration["api"] = {"tag": "api", "listen": f"127.0.0.1:{api}", "services": ["StatsService"]}
    return configuration


def v2ray_configuration(api: int, tunnel: int, target: int) -> dict:
    """V2Ray 4 has no `api.listen`: its API is reached through an inbound and a rule."""
    configuration = shared_sections(tunnel, target)
    configuration["api"] = {"tag": "api", "services": ["StatsService"]}
    configuration["inbounds"].append(dokodemo("api-in", api, api))
    configuration["routing"] = {"rules": [{"type": "field", "inboundTag": ["api-in"], "outboundTag": "api"}]}
    return configuration


class Peers:
    """Starts either server for one target port at a time."""

    names = ("tidegate", "v2ray")

    def __init__(self, tidegate: pathlib.Path, v2ray: pathlib.Path, folder: pathlib.Path):
        self.folder = folder
        self.kinds = {
            "tidegate": (
                (tidegate, "run", "-c"), tidegate_configuration, "/xray.app.stats.command.StatsService/GetStats"),
            "v2ray": (
                (v2ray, "-config"), v2ray_configuration, "/v2ray.core.app.stats.command.StatsService/GetStats"),
        }

    @contextlib.contextmanager
    def started(self, name: str, target: int):
        """A fresh server whose tunnel leads to `target`, once it listens on both of its ports."""
        command, configuration, method = self.kinds[name]
        api, tunnel = free_ports(2)
        file, log = self.folder / f"{name}.json", self.folder / f"{name}.log"
        file.write_text(json.dumps(configuration(api, tunnel, target)))
        with log.open("w") as said, running(*command, file, stdout=said, stderr=said, cwd=self.folder) as process:
            for port in (api, tunnel):
                try:
                    wait_until_listening(process, port, name)
                except BenchError as error:
                    raise BenchError(f"{error}: {log.read_text().strip()[-400:]}") from None
            yield Server(name, process.pid, api, tunnel, method)

    @contextlib.contextmanager
    def both(self, target: int):
        with self.started("tidegate", target) as tidegate, self.started("v2ray", target) as v2ray:
            yield [tidegate, v2ray]


def echo_once(server: Server) -> None:
    """One byte to an echo server behind the tunnel and back."""
    with socket.create_connection(("127.0.0.1", server.tunnel), 10) as connection:
        connection.sendall(b"x")
        if connection.recv(1) != b"x":
            raise BenchError(f"{server.name}: the tunnel does not echo")
