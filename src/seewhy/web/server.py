"""The server: one page, one WebSocket, on this machine only unless another host is asked for."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from seewhy.classifier import Classifier, check_photos
from seewhy.errors import MissingExtraError, OptionError, setting
from seewhy.explain import make_method
from seewhy.live.loop import CAM
from seewhy.methods.auto import AUTO
from seewhy.web.explaining import Explainer
from seewhy.web.frames import MOST_BYTES
from seewhy.web.guard import App, Guard, ServerAddress
from seewhy.web.live_page import Conversation, Question, policy, render

LOCAL = "127.0.0.1"
PATIENCE = 5  # seconds that a frame in flight gets when the server ends
WAITING = 4  # messages of one page that wait in memory
SETTINGS: dict[str, Any] = {  # of uvicorn
    "lifespan": "off",
    "log_level": "error",
    "access_log": False,
    "proxy_headers": False,
    "server_header": False,
    "ws_max_size": 2 * MOST_BYTES,  # up to there the page gets a sentence, beyond the connection is closed
    "ws_max_queue": WAITING,
    "ws_per_message_deflate": False,  # pictures do not shrink
    "timeout_graceful_shutdown": PATIENCE,
}
NEEDED = "The page needs fastapi, uvicorn and websockets: pip install 'seewhy[web]'."


def check_extra() -> None:
    """Raises MissingExtraError without the extra ``web``; before a network is loaded for a page that cannot be served."""
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401  uvicorn's part for WebSockets
    except ImportError as error:
        raise MissingExtraError(NEEDED) from error


def create_app(explainer: Explainer, token: str, address: ServerAddress | None = None, target: int | None = None) -> App:
    """The page as an ASGI application at ``/TOKEN/``; it can be mounted below any path, for all its addresses are relative.

    explainer : started and closed by whoever made it. target : the class that is explained at first.

    Raises MissingExtraError without the extra ``web``.
    """
    check_extra()
    from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
    from fastapi.responses import HTMLResponse
    from starlette.routing import Route, WebSocketRoute

    page = render(explainer, target)

    async def live_page(request: Request) -> HTMLResponse:
        return HTMLResponse(page, headers={"content-security-policy": policy(page, request.headers["host"])})

    async def frames(web_socket: WebSocket) -> None:
        """One message is read while the one before is explained; more than that wait in the socket, and then in the page."""
        await web_socket.accept()
        conversation = Conversation(explainer)
        replying: asyncio.Task[None] | None = None

        async def reply(question: Question) -> None:
            await web_socket.send_bytes(await explainer.run(partial(conversation.reply, question)))

        try:
            while (message := await web_socket.receive())["type"] != "websocket.disconnect":
                question = await explainer.read(partial(conversation.read, dict(message)))
                if replying is not None:
                    await replying
                replying = asyncio.create_task(reply(question))
        except (WebSocketDisconnect, RuntimeError):  # the page, or the server, has gone meanwhile
            pass
        finally:
            if replying is not None:
                await asyncio.gather(replying, return_exceptions=True)

    routes = [Route("/", live_page, methods=["GET"]), WebSocketRoute("/frames", frames)]
    return Guard(FastAPI(routes=routes, docs_url=None, redoc_url=None, openapi_url=None), token, address)


def serve(
    clf: Classifier,
    host: str = LOCAL,
    port: int = 0,
    *,
    method: str = CAM,
    target: int | None = None,
    public: str = "",
    opened: Callable[[str], object] = print,
) -> None:
    """Show the page until Ctrl-C.

    host : another one than this machine's own lets others in who know the address. port : 0 for a free one. public : the address
    under which a proxy shows the page. opened : is given the page's address once it can be reached.

    Raises MethodError: an unknown method; OptionError: a host or a port that cannot be used; MissingExtraError without the extra
    ``web``.
    """
    check_photos(clf, "live")
    if method != AUTO:
        make_method(method, {})  # a wrong name is said before the page is opened
    check_extra()
    import uvicorn

    address = ServerAddress(host, public)
    token = secrets.token_urlsafe(24)
    with bound(host, port) as listening, Explainer(clf, method) as explainer:
        server = uvicorn.Server(uvicorn.Config(create_app(explainer, token, address, target), **SETTINGS))
        explainer.start()
        opened(f"{_base(address, host, listening.getsockname()[1])}{token}/")
        with suppress(KeyboardInterrupt):  # the way to end it
            server.run(sockets=[listening])


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens already, so that whoever reads the address can connect. Raises OptionError."""
    try:
        (family, kind, protocol, _, place) = socket.getaddrinfo(
            host.strip("[]") or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise OptionError(f"{setting('host', host)} is not known here: write 127.0.0.1 or an address of this machine.") from error
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # a port that was just given back; on Windows it would mean one that is in use
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            reason = f"{setting('port', port)} is in use by another program: write another number, or 0 for a free one."
        elif error.errno == errno.EACCES:
            reason = f"{setting('port', port)} is not allowed: write a number from 1024 on, or 0 for a free one."
        else:
            reason = f"{setting('host', host)} is no address of this machine: write 127.0.0.1, or 0.0.0.0 for all that it has."
        raise OptionError(reason) from error
    return listening


def _base(address: ServerAddress, host: str, port: int) -> str:
    """The address up to the token, with its last slash."""
    if address.public:
        return address.public.rstrip("/") + "/"
    name = {"": "127.0.0.1", "0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host.strip("[]"), host.strip("[]"))
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/"
