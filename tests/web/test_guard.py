"""Who reaches the application behind the guard, and who does not."""

from __future__ import annotations

from typing import Any

import pytest
from asgi import get, say
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute

from seewhy.errors import OptionError
from seewhy.web.guard import Guard, ServerAddress

TOKEN = "s3cret-_x"


async def page(request: Any) -> PlainTextResponse:
    return PlainTextResponse("the page")


async def echo(web_socket: Any) -> None:
    await web_socket.accept()
    await web_socket.send_text(await web_socket.receive_text())
    await web_socket.close()


def guarded(address: ServerAddress | None = None) -> Guard:
    return Guard(Starlette(routes=[Route("/", page), WebSocketRoute("/frames", echo)]), TOKEN, address)


def test_the_token_opens_the_page_and_every_answer_has_the_headers() -> None:
    answer = get(guarded(), f"/{TOKEN}/")
    assert (answer.status, answer.text) == (200, "the page")
    for other in (answer, get(guarded(), "/"), get(guarded(), f"/{TOKEN}/nothing")):
        assert other.headers["cache-control"] == "no-store"
        assert other.headers["referrer-policy"] == "no-referrer"
        assert other.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in other.headers["content-security-policy"]


def test_without_the_last_slash_it_leads_to_the_page() -> None:
    answer = get(guarded(), f"/{TOKEN}")
    assert (answer.status, answer.headers["location"]) == (307, f"{TOKEN}/")


@pytest.mark.parametrize(
    "path", ["/", "", "/wrong/", f"/{TOKEN}x/", f"/{TOKEN[:-1]}/", f"/{TOKEN.upper()}/", f"//{TOKEN}/", "/é/", "/\0/"]
)
def test_a_wrong_or_missing_token_is_refused(path: str) -> None:
    answer = get(guarded(), path)
    assert answer.status == 403
    assert answer.text == "403: The address has no token, or a wrong one: open the address that seewhy printed when it started.\n"


def test_the_token_in_a_cookie_does_not_count() -> None:
    assert get(guarded(), "/", cookie=f"token={TOKEN}").status == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "localhost", "[::1]:9", "LOCALHOST.:80"])
def test_its_own_names_are_known(host: str) -> None:
    assert get(guarded(), f"/{TOKEN}/", host).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "192.168.1.5", "", "a b", "[x]", None]
)
def test_another_name_that_points_here_is_refused(host: str | None) -> None:
    answer = get(guarded(), f"/{TOKEN}/", host)
    assert answer.status == 421
    seen = "The request names no server" if host is None else f"'{host}' is not a name of this server"
    assert answer.text == f"421: {seen}: open the address that seewhy printed when it started.\n"


def test_a_host_that_was_asked_for_is_known() -> None:
    names = {"0.0.0.0": ["192.168.1.5:80", "[fe80::1]:80"], "192.168.1.5": ["192.168.1.5"], "box.lan": ["BOX.lan:1"]}
    for host, known in names.items():
        for name in known:
            assert ServerAddress(host).knows(name), (host, name)
        assert not ServerAddress(host).knows("evil.example")
    assert not ServerAddress("192.168.1.5").knows("192.168.1.6")


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:9999",
        "file://",
        "chrome-extension://abc",
        "http://127.0.0.1",
        "",
        "http://[",
    ],
)
def test_another_sites_page_is_refused(origin: str) -> None:
    answer = get(guarded(), f"/{TOKEN}/", origin=origin)
    assert answer.status == 403
    assert answer.text == "403: Another site's page has no access: open the address that seewhy printed when it started.\n"
    assert say(guarded(), f"/{TOKEN}/frames", origin=origin) == ["close 1008"]


def test_its_own_page_may_open_the_web_socket() -> None:
    assert say(guarded(), f"/{TOKEN}/frames", origin="http://127.0.0.1:8000") == ["accept", "hello", "close 1000"]


@pytest.mark.parametrize("path", ["/frames", "/wrong/frames"])
def test_a_web_socket_needs_the_token(path: str) -> None:
    assert say(guarded(), path) == ["close 1008"]


def test_below_a_path() -> None:
    mounted = Starlette(routes=[Mount("/some/where", guarded())])
    assert get(mounted, f"/some/where/{TOKEN}/").text == "the page"
    assert get(mounted, "/some/where/wrong/").status == 403
    assert get(mounted, f"/some/where/{TOKEN}").headers["location"] == f"{TOKEN}/"
    assert say(mounted, f"/some/where/{TOKEN}/frames") == ["accept", "hello", "close 1000"]
    assert get(guarded(), f"/deeper/{TOKEN}/", root_path="/deeper").text == "the page"


def test_behind_a_proxy_with_a_name_and_a_path() -> None:
    proxied = guarded(ServerAddress(public="https://me.example:8443/seewhy/"))
    (host, origin) = ("me.example:8443", "https://me.example:8443")
    assert get(proxied, f"/seewhy/{TOKEN}/", host, origin=origin).text == "the page"  # a proxy that leaves the path as it is
    assert get(proxied, f"/{TOKEN}/", host, origin=origin).text == "the page"  # and one that takes its part away
    assert get(proxied, f"/{TOKEN}/", origin=origin).text == "the page"  # and one that names the server behind it
    assert get(proxied, f"/{TOKEN}/", host, origin="https://me.example").status == 403
    assert get(proxied, f"/{TOKEN}/", "other.example").status == 421


def test_a_public_address_that_is_none() -> None:
    with pytest.raises(OptionError) as error:
        ServerAddress(public="me.example/seewhy")
    assert str(error.value) == "public='me.example/seewhy' is no address: write it as 'https://me.example/seewhy/'."
