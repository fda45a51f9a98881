"""Who may reach the server: only who knows the token, under a name that is the server's own, and no other site's page."""

from __future__ import annotations

import hmac
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from seewhy.errors import OptionError, setting

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?", re.IGNORECASE)
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
OPEN_THE_URL = "open the address that seewhy printed when it started"


@dataclass(frozen=True)
class ServerAddress:
    """Under which names the server may be reached.

    host : the one it listens on. public : the address under which a proxy shows it, as "https://me.example/seewhy/"; "" for none.
    """

    host: str = "127.0.0.1"
    public: str = ""

    def __post_init__(self) -> None:
        if self.public and not _HOST.fullmatch(_netloc(self.public)):
            raise OptionError(f"{setting('public', self.public)} is no address: write it as 'https://me.example/seewhy/'.")

    @property
    def prefix(self) -> str:
        """The path under which a proxy shows it, without the last slash."""
        return urlsplit(self.public).path.rstrip("/")

    def knows(self, host: str) -> bool:
        """True for a Host header that names this server, with any port (it may be forwarded).

        Another site that lets its own name point here (DNS rebinding) comes with that name.
        """
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match[1].lower().strip("[]").rstrip(".")
        if name in (self.host.lower().strip("[]"), "localhost", "127.0.0.1", "::1") or host.lower() == self._public_netloc:
            return True
        if self.host in ("", "0.0.0.0", "::"):  # every address of this machine, and its name
            return _is_address(name) or name == socket.gethostname().lower()
        return False

    def sends(self, origin: str, host: str) -> bool:
        """True for the Origin header of a page that came from here. host : the request's Host header."""
        return _netloc(origin) in {host.lower(), self._public_netloc} - {""}

    @property
    def _public_netloc(self) -> str:
        return _netloc(self.public)


def _netloc(address: str) -> str:
    """Name and port of an address in the web, in lower case; "" for anything else."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return parts.netloc.lower() if parts.scheme in ("http", "https") else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered. status : of HTTP. reason : one sentence."""

    status: int
    reason: str


class Guard:
    """An ASGI application around another one, which it mounts at ``/TOKEN`` and lets nobody reach who should not.

    address : the names of the server. token : compared in constant time.
    """

    def __init__(self, app: App, token: str, address: ServerAddress | None = None) -> None:
        (self._app, self._token, self._address) = (app, token, address or ServerAddress())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        (before, token, rest) = self._split(scope)
        refusal = self._refusal(scope, token)
        if refusal is not None:
            await _refuse(scope, receive, send, refusal)
        elif not rest:  # "/TOKEN": the page's own addresses are relative to "/TOKEN/"
            await _reply(send, 307, "", {"location": f"{token}/"})
        else:
            root = before + "/" + token
            await self._app({**scope, "path": root + rest, "raw_path": None, "root_path": root}, receive, _with_headers(send))

    def _split(self, scope: Scope) -> tuple[str, str, str]:
        """The path's part above the token, the token, and what follows."""
        path: str = scope["path"]
        before = ""
        for prefix in (scope.get("root_path", ""), self._address.prefix):
            if prefix and path.startswith(before + prefix + "/"):
                before += prefix
        (token, slash, rest) = path[len(before) + 1 :].partition("/")
        return before, token, slash + rest

    def _refusal(self, scope: Scope, token: str) -> Refusal | None:
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        hosts = _values(headers, b"host")
        origins = _values(headers, b"origin")
        if len(hosts) != 1 or not self._address.knows(hosts[0]):
            seen = f"'{hosts[0][:80]}' is not a name of this server" if len(hosts) == 1 else "The request names no server"
            return Refusal(421, f"{seen}: {OPEN_THE_URL}.")
        if len(origins) > 1 or not all(self._address.sends(origin, hosts[0]) for origin in origins):
            return Refusal(403, f"Another site's page has no access: {OPEN_THE_URL}.")
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return Refusal(403, f"The address has no token, or a wrong one: {OPEN_THE_URL}.")
        return None


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in headers if key.lower() == name]


async def _refuse(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.reason})
    else:
        await _reply(send, refusal.status, f"{refusal.status}: {refusal.reason}\n")


async def _reply(send: Send, status: int, text: str, headers: MutableMapping[str, str] | None = None) -> None:
    """Text, and the connection closed: a body that is still on its way is not read."""
    body = text.encode()
    own = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(body)), "connection": "close"}
    pairs = [(name.encode(), value.encode()) for name, value in {**HEADERS, **own, **(headers or {})}.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Send) -> Send:
    """Our headers on every answer that does not have its own."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            more = [(n.encode(), value.encode()) for n, value in HEADERS.items() if n.encode() not in present]
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sending
