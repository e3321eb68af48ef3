"""The few calls to RabbitMQ's management API that tests and demos need."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from souk.machines.errors import MachineError

SECONDS = 10


@dataclass(frozen=True)
class Management:
    """The API at `url`, as one of its administrators."""

    url: str
    user: str
    password: str

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - whatever JSON comes back
        """One request below /api/; the answer's JSON, or None when it is empty. Raises MachineError."""
        request = urllib.request.Request(
            f"{self.url}/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {self._credentials()}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                text = answer.read()
        except (urllib.error.URLError, OSError) as error:
            message = f"RabbitMQ's management API at {self.url} failed at {method} {path}: {error}"
            raise MachineError(message) from error
        return json.loads(text) if text else None

    def is_up(self) -> bool:
        """Whether it answers this user."""
        try:
            self.call("GET", "overview")
        except MachineError:
            return False
        return True

    def add_vhost(self, name: str) -> None:
        """Make a virtual host in which this user may do everything."""
        vhost = urllib.parse.quote(name, safe="")
        self.call("PUT", f"vhosts/{vhost}")
        user = urllib.parse.quote(self.user, safe="")
        self.call("PUT", f"permissions/{vhost}/{user}", {"configure": ".*", "write": ".*", "read": ".*"})

    def drop_vhost(self, name: str) -> None:
        """Delete a virtual host with everything in it."""
        self.call("DELETE", f"vhosts/{urllib.parse.quote(name, safe='')}")

    def close_connections(self) -> None:
        """Make the broker close every client's connection, as an operator would."""
        for connection in self.call("GET", "connections"):
            self.call("DELETE", f"connections/{urllib.parse.quote(connection['name'], safe='')}")

    def _credentials(self) -> str:
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
