#!/usr/bin/env python3
"""Datagrams that the kernel redirects to a core: unshare -n redirect_udp.py TIDEGATE FAMILY

To be run in a network namespace of its own, as root. FAMILY is 4 or 6. The namespace is a router with the core on it, between one of
clients and one of servers, and TPROXY brings the core what the clients send. Servers tell which one they are; each answer must
come from the address that was asked.
"""
import ctypes
import ipaddress
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

PORT = 12345
SERVER_PORTS = [8001, 8002, PORT]
LIBC = ctypes.CDLL(None)


class Side:
    """A namespace beside the router's: a process of its own, asked in lines of JSON."""

    def __init__(self, role, link, own, router, addresses, family):
        self.process = subprocess.Popen(["unshare", "-n", sys.executable, __file__, role, str(family)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        length = "24" if family == 4 else "64"
        run("ip", "link", "add", f"r{link}", "type", "veth", "peer", "name", link)
        run("ip", "link", "set", link, "netns", str(self.process.pid))
        run("ip", "addr", "add", f"{router}/{length}", "dev", f"r{link}", *no_dad(family))
        run("ip", "link", "set", f"r{link}", "up")
        self.ask({"link": link, "addresses": [f"{address}/{length}" for address in addresses], "router": router})

    def ask(self, question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def run(*words):
    subprocess.run(words, check=True)


def no_dad(family):
    return ["nodad"] if family == 6 else []


def join(question, family):
    ip = ["ip", "-6"] if family == 6 else ["ip"]
    run("ip", "link", "set", "lo", "up")
    for address in question["addresses"]:
        run(*ip, "addr", "add", address, "dev", question["link"], *no_dad(family))
    run("ip", "link", "set", question["link"], "up")
    run(*ip, "route", "add", "default", "via", question["router"])
    return [ipaddress.ip_interface(address).ip.compressed for address in question["addresses"]]


def answer(server, name):
    while True:
        data, source = server.recvfrom(65536)
        server.sendto(name.encode() + b" " + data, source)


def side(role, family):
    print("ready", flush=True)
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    addresses = join(json.loads(sys.stdin.readline()), family)
    print("{}", flush=True)
    if role == "server":
        sockets = []
        for address in addresses:
            for port in SERVER_PORTS:
                server = socket.socket(kind, socket.SOCK_DGRAM)
                server.bind((address, port))
                sockets.append((server, f"{address} {port}"))
        for server, name in sockets:
            threading.Thread(target=answer, args=(server, name), daemon=True).start()
    clients = {}
    for line in sys.stdin:
        question = json.loads(line)
        # The socket stays: it is one source.
        client = clients.setdefault(question["source"], socket.socket(kind, socket.SOCK_DGRAM))
        client.settimeout(question["patience"])
        sent = [(address, port, f"{index}".ljust(question["size"], ".")) for index, (address, port) in enumerate(question["targets"])]
        for address, port, text in sent:
            client.sendto(text.encode(), (address, port))
        answers = []
        try:
            for _ in sent:
                data, source = client.recvfrom(65536)
                answers.append([source[0], source[1], data.decode()])
        except OSError:
            pass
        expected = [[address, port, f"{address} {port} {text}"] for address, port, text in sent]
        print(json.dumps({"all": sorted(answers) == sorted(expected), "answers": answers}), flush=True)


def drop_privilege():
    """Takes CAP_NET_ADMIN and CAP_NET_RAW from the program that is about to be run."""
    for capability in (12, 13):
        assert LIBC.prctl(24, capability, 0, 0, 0) == 0


def redirect(family, servers):
    tables, ip = ("iptables", ["ip"]) if family == 4 else ("ip6tables", ["ip", "-6"])
    run("ip", "link", "set", "lo", "up")
    run(*ip, "rule", "add", "fwmark", "1", "lookup", "100")
    run(*ip, "route", "add", "local", "default", "dev", "lo", "table", "100")
    run(tables, "-t", "mangle", "-A", "PREROUTING", "-i", "rc", "-p", "udp", "-d", servers, "-j", "TPROXY",
        "--on-port", str(PORT), "--tproxy-mark", "1")


def main(executable, family):
    clients, servers = ("192.0.2.", "198.51.100.") if family == 4 else ("2001:db8:1::", "2001:db8:2::")
    client = Side("client", "c", clients + "2", clients + "1", [clients + "2"], family)
    server = Side("server", "s", servers + "2", servers + "1", [servers + "2", servers + "3"], family)
    redirect(family, servers + "0/" + ("24" if family == 4 else "64"))
    config = {
        "log": {"loglevel": "info", "access": "none"},
        "inbounds": [{"tag": "door", "port": PORT, "protocol": "dokodemo-door",
                      "settings": {"network": "tcp,udp", "followRedirect": True},
                      "streamSettings": {"sockopt": {"tproxy": "tproxy"}}}],
        "outbounds": [{"protocol": "freedom"}],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "config.json")
        with open(path, "w") as file:
            json.dump(config, file)
        command = [executable, "run", "-c", path]
        config["inbounds"][0]["settings"]["network"] = "udp"
        refused = subprocess.run([executable, "run", "-c", "stdin:"], input=json.dumps(config), capture_output=True, text=True,
                                 preexec_fn=drop_privilege, timeout=60)
        reason = "inbound door needs CAP_NET_ADMIN" in refused.stderr
        log = open(os.path.join(folder, "log"), "w+")
        core = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            targets = [(servers + host, port) for host in "23" for port in SERVER_PORTS]
            question = {"source": 0, "targets": targets, "size": 100, "patience": 10}
            # The first ones are lost before the core listens.
            while not client.ask({**question, "targets": targets[:1], "patience": 0.2})["answers"]:
                assert core.poll() is None
            results = [client.ask(question)]
            results.append(client.ask({**question, "size": 9000}))
            # One after another, each with several targets, on both event loops.
            results += [client.ask({**question, "source": source}) for source in range(1, 40)]
            loops = [client.ask({**question, "targets": [(network + "1", PORT)], "patience": 0.3}) for network in (clients, servers)]
            # And the core is as it was.
            results.append(client.ask(question))
            core.terminate()
            status = core.wait(timeout=60)
            log.seek(0)
            lines = log.read()
            failures = [result for result in results if not result["all"]]
            told = lines.count("datagram to the inbound itself")
            if failures or any(loop["answers"] for loop in loops) or not 1 <= told <= 2 or refused.returncode == 0 or not reason or status:
                sys.exit(f"{failures[:1]} {loops} {told} {status} {refused}\n{lines[-4000:]}")
        finally:
            core.kill()
            client.stop()
            server.stop()
    print("every datagram was brought to its target")


if sys.argv[1] in ("client", "server"):
    side(sys.argv[1], int(sys.argv[2]))
else:
    main(sys.argv[1], int(sys.argv[2]))
