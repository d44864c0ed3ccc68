"""A small HTTP client for the API: one connection, kept open, patient with limits and restarts."""

import http.client
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from billing.api import jsontext

ATTEMPTS = 6


class ApiError(Exception):
    """The API refused; the message is its problem document's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Client:
    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ApiError(0, f"{url} is not the address of a portal.")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=60)
        self._base = parts.path.rstrip("/")
        self._headers = dict(headers)
        self._url = url

    def get(self, path: str) -> dict[str, Any]:
        return self._send("GET", path, None)

    def post(self, path: str, body: object) -> dict[str, Any]:
        return self._send("POST", path, jsontext.dumps(body).encode())

    def close(self) -> None:
        self._connection.close()

    def _send(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        # Repeating is safe: every event has an id of its own.
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            try:
                status, headers, answer = self._once(method, path, body)
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                if last:
                    raise ApiError(0, f"{self._url} does not answer: {error}") from error
                time.sleep(min(0.2 * 2**attempt, 3))
                continue
            if status in (429, 503) and not last:
                time.sleep(min(int(headers.get("Retry-After") or 1), 60))
                continue
            if status >= 400:
                raise ApiError(status, str(answer.get("detail") or f"The portal answered {status}."))
            return answer
        raise AssertionError("the last attempt returns or raises")

    def _once(self, method: str, path: str, body: bytes | None) -> tuple[int, http.client.HTTPMessage, dict[str, Any]]:
        headers = self._headers | ({"Content-Type": "application/json"} if body is not None else {})
        self._connection.request(method, self._base + path, body=body, headers=headers)
        response = self._connection.getresponse()
        raw = response.read()
        try:
            answer = jsontext.loads(raw)
        except jsontext.NotJson:
            answer = {"detail": f"{self._url} answered {response.status} without a JSON document: is it a portal?"}
            return max(response.status, 400), response.headers, answer
        return response.status, response.headers, answer
