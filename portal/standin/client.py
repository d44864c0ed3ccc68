"""The private paths of the stand-in, called by the portal's pages and by tests."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from portal.standin.errors import Json

PATIENCE = 15  # seconds


class StandInError(Exception):
    """Refused, with the reason for a person; `status` is 0 when it does not answer at all."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class StandInClient:
    url: str
    token: str

    def get(self, path: str) -> Json:
        return self._call("GET", path, None)

    def post(self, path: str, **params: Any) -> Json:
        return self._call("POST", path, params)

    def _call(self, method: str, path: str, params: Json | None) -> Json:
        """Raises StandInError."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, f"/{path}", None if params is None else json.dumps(params), headers)
            response = connection.getresponse()
            status, answer = response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise StandInError("Simulated payments do not answer just now.") from error
        finally:
            connection.close()
        if status >= 400:
            raise StandInError(answer["error"]["message"], status)
        told: Json = answer
        return told
