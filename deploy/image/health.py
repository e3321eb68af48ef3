"""Whether the service of this container is ready: exit code 0 or 1. Asked every few seconds, so it imports little."""

import os
import socket
import sys

_PATIENCE = 3


def ask(port: int, path: str) -> bool:
    """Say whether an address of this container is answered with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), _PATIENCE) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            return connection.makefile("rb").readline().split()[1:2] == [b"200"]
    except OSError:
        return False


def healthy() -> bool:
    """Ask what this image runs; a command that only runs to its end is always well."""
    service = os.environ["SOUK_SERVICE"]
    if service == "cli":
        return True
    if service == "sandbox":
        return ask(int(os.environ.get("PORT") or 9000), "/sandbox/")
    port = int(os.environ.get("INTERNAL_PORT") or int(os.environ.get("PORT") or 8000) + 1)
    return ask(port, f"/{service}/health/ready")


if __name__ == "__main__":
    sys.exit(not healthy())
