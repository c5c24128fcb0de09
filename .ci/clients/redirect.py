#!/usr/bin/env python3
"""Connections that the kernel redirects to a core: unshare -n redirect.py TIDEGATE MODE FAMILY

To be run in a network namespace of its own, as root. MODE is redirect (REDIRECT of the nat table) or tproxy (TPROXY of the mangle
table), FAMILY 4 or 6. Two servers on addresses of the loopback device tell which one they are; connections to both are redirected
to one inbound, which must bring each to where it was going.
"""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

PORT = 12345
# The core's own connections, which are not redirected again.
MARK = 7


def run(*words):
    subprocess.run(words, check=True)


def set_up(mode, family):
    servers = [("192.0.2.1", 8001), ("192.0.2.2", 8002)] if family == 4 else [("2001:db8::1", 8001), ("2001:db8::2", 8002)]
    tables, ip = ("iptables", ["ip"]) if family == 4 else ("ip6tables", ["ip", "-6"])
    run("ip", "link", "set", "lo", "up")
    for address, _ in servers:
        run(*ip, "addr", "add", address + ("/32" if family == 4 else "/128"), "dev", "lo", *(["nodad"] if family == 6 else []))
    if mode == "tproxy":
        run(*ip, "rule", "add", "fwmark", "1", "lookup", "100")
        run(*ip, "route", "add", "local", "default", "dev", "lo", "table", "100")
    for address, port in servers:
        match = ["-p", "tcp", "-d", address, "--dport", str(port)]
        not_ours = ["-m", "mark", "!", "--mark", str(MARK)]
        if mode == "redirect":
            run(tables, "-t", "nat", "-A", "OUTPUT", *match, *not_ours, "-j", "REDIRECT", "--to-ports", str(PORT))
        else:
            run(tables, "-t", "mangle", "-A", "OUTPUT", *match, *not_ours, "-j", "MARK", "--set-mark", "1")
            run(tables, "-t", "mangle", "-A", "PREROUTING", *match, "-m", "mark", "--mark", "1", "-j", "TPROXY",
                "--on-port", str(PORT), "--tproxy-mark", "1")
    return servers


def serve(address, port, family):
    listener = socket.create_server((address, port), family=family)

    def accept():
        while True:
            connection, _ = listener.accept()
            text = connection.recv(100)
            connection.sendall(f"{address} {port} ".encode() + text)
            connection.close()

    threading.Thread(target=accept, daemon=True).start()


def ask(address, port):
    with socket.create_connection((address, port), timeout=10) as client:
        client.sendall(b"hello")
        answer = b""
        while part := client.recv(100):
            answer += part
        return answer.decode()


def main(executable, mode, family):
    servers = set_up(mode, family)
    for address, port in servers:
        serve(address, port, socket.AF_INET if family == 4 else socket.AF_INET6)
    sockopt = {"tproxy": "tproxy"} if mode == "tproxy" else {}
    config = {
        "log": {"loglevel": "info", "access": "none"},
        "inbounds": [{"tag": "door", "port": PORT, "protocol": "dokodemo-door",
                      "settings": {"network": "tcp", "followRedirect": True}, "streamSettings": {"sockopt": sockopt}}],
        "outbounds": [{"protocol": "freedom", "streamSettings": {"sockopt": {"mark": MARK}}}],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "config.json")
        with open(path, "w") as file:
            json.dump(config, file)
        log = open(os.path.join(folder, "log"), "w+")
        core = subprocess.Popen([executable, "run", "-c", path], stdout=log, stderr=subprocess.STDOUT)
        own = "127.0.0.1" if family == 4 else "::1"
        try:
            for _ in range(100):
                try:
                    # To the inbound itself: there is nowhere to bring it.
                    direct = ask(own, PORT)
                    break
                except ConnectionRefusedError:
                    time.sleep(0.1)
                except ConnectionResetError:
                    direct = ""
                    break
            else:
                direct = "never opened"
            # Every listening socket of the port has its turn.
            answers = [[ask(address, port) for address, port in servers] for _ in range(8)]
            expected = [f"{address} {port} hello" for address, port in servers]
            if direct or any(answer != expected for answer in answers):
                log.seek(0)
                sys.exit(f"{direct!r} {answers}\n{log.read()}")
        except OSError as error:
            log.seek(0)
            sys.exit(f"{error}\n{log.read()}")
        finally:
            core.terminate()
            core.wait()
    print("both connections were brought to their targets")


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
