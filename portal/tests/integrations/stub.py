"""An OpenAI-compatible server on this machine: it answers at once, says what its answers used, and fails when told to.

A call whose text has `fail` in it is answered with 500; `fail once` only the first time, `fail if big` by the big model
only. A stream whose text has `break off` in it breaks off after two words, `break off early` before them, `break off if
small` by the small model only.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHAT = {
    "prompt_tokens": 1200,
    "completion_tokens": 300,
    "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 512},
}
EMBEDDING = {"prompt_tokens": 8000, "total_tokens": 8000}


class Stub(ThreadingHTTPServer):
    """Runs from the start; `calls` counts what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.calls, self.failed = 0, set[str]()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stub

    def log_message(self, *words: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = str(body.get("messages") or body.get("input"))
        self.server.calls += 1
        again = "fail once" in asked and asked in self.server.failed
        if "fail" in asked and not again and not ("fail if big" in asked and "mini" in body["model"]):
            self.server.failed.add(asked)
            self._send(500, {"error": {"message": "the model is not there", "type": "server_error"}})
        elif self.path.endswith("/embeddings"):
            vector = {"object": "embedding", "index": 0, "embedding": [0.25, 0.5]}
            self._send(200, {"object": "list", "model": body["model"], "data": [vector], "usage": EMBEDDING})
        elif self.path.endswith("/responses"):
            self._say(body) if body.get("stream") else self._send(200, _response(body["model"]))
        elif body.get("stream"):
            self._stream(body)
        else:
            message = {"role": "assistant", "content": "Good day."}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._send(200, _completion(body, "chat.completion", [choice]) | {"usage": CHAT})

    def _send(self, status: int, document: dict[str, Any]) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        asked = str(body["messages"])
        self.close_connection = True
        said = "" if "early" in asked else "Good day."
        self._choice(body, {"role": "assistant", "content": said}, None)
        if "break off" in asked and not ("off if small" in asked and "mini" not in body["model"]):
            self._event({"error": {"message": "the model broke off", "type": "server_error"}})
            return
        self._choice(body, {}, "stop")
        if (body.get("stream_options") or {}).get("include_usage"):
            self._event(_completion(body, "chat.completion.chunk", []) | {"usage": CHAT})
        self.wfile.write(b"data: [DONE]\n\n")

    def _say(self, body: dict[str, Any]) -> None:
        """A stream of the responses API, which tells its usage at the end only."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        where = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "logprobs": []}
        self._event({"type": "response.output_text.delta", **where, "delta": "Good day.", "sequence_number": 1})
        if "break off" in str(body["input"]):
            self._event({"type": "error", "code": "server_error", "message": "the model broke off", "param": None})
        else:
            self._event({"type": "response.completed", "response": _response(body["model"]), "sequence_number": 2})

    def _choice(self, body: dict[str, Any], delta: dict[str, Any], reason: str | None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        self._event(_completion(body, "chat.completion.chunk", [choice]))

    def _event(self, document: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(document).encode() + b"\n\n")


def _completion(body: dict[str, Any], kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": body["model"], "choices": choices}


def _response(model: str) -> dict[str, Any]:
    text = {"type": "output_text", "text": "Good day.", "annotations": []}
    message = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [text]}
    usage = {
        "input_tokens": 1200,
        "input_tokens_details": {"cached_tokens": 512},
        "output_tokens": 300,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 1500,
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": model,
        "output": [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
    }
