"""Be a pg_dump that speaks TLS: the one of the two packages that come with the lab is built without, and asks through this process.

It proves nothing of the server's name; what the product gives a program for that is shown in the tests of its own module.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
import subprocess
import sys
import threading

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_WANTS_TLS = struct.pack("!ii", 8, 80877103)


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Hand on everything until one side ends."""
    try:
        while taken := source.recv(1 << 16):
            sink.sendall(taken)
    except OSError:
        pass
    for each in (source, sink):
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue


def relay(listening: socket.socket, host: str, port: int) -> None:
    """Lead each client to the server, over TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    while True:
        client, _ = listening.accept()
        raw = socket.create_connection((host, port))
        raw.sendall(_WANTS_TLS)
        assert raw.recv(1) == b"S"
        server = context.wrap_socket(raw)
        for ends in ((client, server), (server, client)):
            threading.Thread(target=pump, args=ends, daemon=True).start()


def main(real: str, *arguments: str) -> int:
    """Run the real program, its connection led through here."""
    if arguments == ("--version",):
        os.execv(real, [real, "--version"])
    said = next(each for each in arguments if each.startswith("--dbname="))
    wishes = conninfo_to_dict(said.removeprefix("--dbname="))
    listening = socket.create_server(("127.0.0.1", 0))
    place = (listening, str(wishes["host"]), int(str(wishes["port"])))
    threading.Thread(target=relay, args=place, daemon=True).start()
    kept = {name: wishes[name] for name in ("user", "dbname", "passfile", "application_name")}
    here = make_conninfo("", **kept, host="127.0.0.1", port=listening.getsockname()[1], sslmode="disable")
    others = [each for each in arguments if each != said]
    handle = int(str(wishes["passfile"]).rpartition("/")[2])
    return subprocess.run([real, *others, f"--dbname={here}"], check=False, pass_fds=(handle,)).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
