"""Is a port free? Standard library only, so that `make run` can ask before anything is installed."""

from __future__ import annotations

import socket
import sys

__all__ = ["HOST", "port_problem"]

HOST = "127.0.0.1"  # nothing else until there are keys: whoever reaches the port reads everything


def port_problem(port: int, command: str) -> str | None:
    """Say why a command (`dealcast serve`, `make run`) can serve nothing at `port`, with the cure; None when it is
    free."""
    if not 1 <= port <= 65535:
        return f"Port {port} is not a port: choose one between 1024 and 65535."
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            other = port + 1 if port < 65535 else port - 1
            again = f"make run PORT={other}" if command == "make run" else f"{command} --port {other}"
            return (f"Port {port} on {HOST} cannot be used ({error.strerror}). Stop what runs there, or choose "
                    f"another: `{again}`.")
    return None


if __name__ == "__main__":
    if not sys.argv[1].isdigit():
        sys.exit(f"PORT={sys.argv[1]} is not a number.")
    if problem := port_problem(int(sys.argv[1]), "make run"):
        print(problem, file=sys.stderr)
        sys.exit(2)
