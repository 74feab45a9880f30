"""Refuses and writes down every look at the world outside this machine, in each Python process that is started with
this folder on PYTHONPATH. Whoever swallows the refusal is still in the list."""

import os
import sys

# BentoML's process manager asks for the machine's own full name.
_LOCAL = ("localhost", "127.", "::1", "0.0.0.0", os.uname().nodename)


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else "localhost"  # a Unix socket is on this machine
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = arguments[0]
    elif event == "socket.sendto":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else "localhost"
    else:
        return
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    if name.startswith(_LOCAL):
        return
    with open(os.environ["OUTSIDE_LOG"], "a", encoding="utf-8") as log:
        log.write(f"{event} {name} by {' '.join(sys.argv)[:200]}\n")
    raise ConnectionRefusedError(f"refused in this test: {event} {name}")


if "OUTSIDE_LOG" in os.environ:
    sys.addaudithook(_watch)
    sys.modules["uvloop"] = None  # type: ignore[assignment]  # its sockets open unseen; servers do without it
