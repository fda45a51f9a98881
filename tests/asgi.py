"""Requests to an ASGI application, without a server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str


def scope_of(kind: str, path: str, headers: dict[str, str], root_path: str = "") -> dict[str, Any]:
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    scheme = {"http": "http", "websocket": "ws"}[kind]
    more = {"http": {"method": "GET"}, "websocket": {"subprotocols": []}}[kind]
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": scheme,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": root_path,
        "headers": pairs,
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 5),
        **more,
    }


def talk(app: Any, scope: dict[str, Any], messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the application sends when it receives these messages."""
    sent: list[dict[str, Any]] = []
    coming = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(coming)

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(app(scope, receive, send))
    return sent


def get(app: Any, path: str, host: str | None = "127.0.0.1:8000", root_path: str = "", **headers: str) -> Answer:
    own = {} if host is None else {"host": host}
    sent = talk(app, scope_of("http", path, {**own, **headers}, root_path), [{"type": "http.request", "body": b""}])
    (start, *rest) = sent
    names = {name.decode(): value.decode() for name, value in start["headers"]}
    assert len(names) == len(start["headers"])  # none twice
    return Answer(start["status"], names, b"".join(message["body"] for message in rest).decode())


def say(app: Any, path: str, text: str = "hello", host: str = "127.0.0.1:8000", root_path: str = "", **headers: str) -> list[str]:
    """What a WebSocket gets back: "accept", the text, "close 1000"."""
    coming = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": text}]
    sent = talk(app, scope_of("websocket", path, {"host": host, **headers}, root_path), coming)
    words = {"accept": lambda m: "accept", "send": lambda m: m["text"], "close": lambda m: f"close {m['code']}"}
    return [words[message["type"].removeprefix("websocket.")](message) for message in sent]
