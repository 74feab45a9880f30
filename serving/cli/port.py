"""Is a port free? Standard library only, so that `make run` can ask before anything is installed."""

from __future__ import annotations

import socket
import sys

__all__ = ["HOST", "port_problem"]

HOST = "127.0.0.1"  # nothing else until there are keys: whoever reaches the port reads everything


def port_problem(port: int) -> str | None:
    """Say why nothing can be served at `port`, with the cure; None when it is free."""
    if not 1 <= port <= 65535:
        return f"Port {port} is not a port: choose one between 1024 and 65535."
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return (f"Port {port} on {HOST} cannot be used ({error.strerror}). Stop what runs there, or choose "
                    f"another: `make run PORT={port + 1}`, `dealcast serve --port {port + 1}`.")
    return None


if __name__ == "__main__":
    if not sys.argv[1].isdigit():
        sys.exit(f"PORT={sys.argv[1]} is not a number.")
    if problem := port_problem(int(sys.argv[1])):
        print(problem, file=sys.stderr)
        sys.exit(2)
