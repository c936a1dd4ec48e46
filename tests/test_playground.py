from __future__ import annotations

import gzip
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from threading import Thread
from typing import Any

import pytest

from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from scrapy_proxywhirl.playground.spec import ProxySpec as Spec


def fetch(url: str, proxy: str, **headers: str) -> tuple[int, bytes]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy}))
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_a_proxy_passes_a_page_on_after_its_latency(play: Callable[..., Playground]) -> None:
    playground = play(ProxySpec(latency=0.2))

    began = time.monotonic()
    status, body = fetch(f"{playground.origin_url}/page?x=1", playground.proxy_urls[0])

    assert time.monotonic() - began >= 0.2
    assert (status, body) == (200, b"<title>/page</title>")
    (entry,) = playground.origin_log()
    assert (entry["path"], entry["via"]) == ("/page", "1.1 proxy-0")
    assert [(e["proxy"], e["username"]) for e in playground.proxy_log()] == [("proxy-0", None)]


@pytest.mark.parametrize(
    ("userinfo", "status"),
    [("ann:right@", 200), ("ann:wrong@", 407), ("eve:right@", 407), ("", 407)],
)
def test_credentials_are_checked(
    userinfo: str, status: int, play: Callable[..., Playground]
) -> None:
    playground = play(ProxySpec(credentials={"ann": "right"}))
    proxy = playground.proxy_urls[0].replace("//", f"//{userinfo}")

    assert fetch(f"{playground.origin_url}/page", proxy)[0] == status
    assert len(playground.origin_log()) == (status == 200)


def test_a_proxy_may_take_those_without_credentials_too(play: Callable[..., Playground]) -> None:
    playground = play(ProxySpec(credentials={"ann": "right"}, takes_anonymous=True))

    assert fetch(f"{playground.origin_url}/page", playground.proxy_urls[0])[0] == 200
    assert fetch(f"{playground.origin_url}/page", playground.proxy_url(0, "ann"))[0] == 200
    assert [entry["username"] for entry in playground.proxy_log()] == [None, "ann"]


def test_each_fault_shows(play: Callable[..., Playground]) -> None:
    playground = play(
        ProxySpec(fault=Fault.REFUSE),
        ProxySpec(fault=Fault.RESET),
        ProxySpec(fault=Fault.STATUS, status=502),
    )
    refusing, resetting, answering = playground.proxy_urls
    page = f"{playground.origin_url}/page"

    with pytest.raises(urllib.error.URLError, match="refused"):
        fetch(page, refusing)
    with pytest.raises(OSError, match="reset"):
        fetch(page, resetting)
    assert fetch(page, answering)[0] == 502
    assert playground.origin_log() == []


def test_a_proxy_can_have_a_page_of_its_own(play: Callable[..., Playground]) -> None:
    playground = play(ProxySpec(fault=Fault.STATUS, status=200, body="are you a robot?"))
    request = urllib.request.Request(playground.origin_url, headers={"Accept-Encoding": "gzip"})
    request.set_proxy(playground.proxy_urls[0].removeprefix("http://"), "http")

    with urllib.request.urlopen(request, timeout=10) as response:
        compressed = response.read()

    assert gzip.decompress(compressed) == b"are you a robot?"
    assert fetch(playground.origin_url, playground.proxy_urls[0]) == (200, b"are you a robot?")
    assert playground.origin_log() == []


def test_a_proxy_works_on_as_many_requests_as_it_can(play: Callable[..., Playground]) -> None:
    playground = play(ProxySpec(latency=0.2, capacity=2))
    proxy = playground.proxy_urls[0]

    began = time.monotonic()
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: fetch(playground.origin_url, proxy), range(6)))

    assert time.monotonic() - began >= 0.6


def test_a_proxy_that_hangs_never_answers(play: Callable[..., Playground]) -> None:
    playground = play(ProxySpec(fault=Fault.HANG))
    connection = HTTPConnection(playground.proxy_urls[0][7:], timeout=0.3)
    connection.request("GET", f"{playground.origin_url}/page")

    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()


def test_a_connection_that_the_client_has_reset_is_not_reset_again(
    play: Callable[..., Playground], capfd: pytest.CaptureFixture[str]
) -> None:
    playground = play(ProxySpec(fault=Fault.RESET_BODY))
    host, port = playground.proxy_urls[0][7:].split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f"GET {playground.origin_url}/page HTTP/1.1\r\n\r\n".encode())
        assert connection.recv(1) == b"H"
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with pytest.raises(ConnectionResetError):  # later than the first would have been
        fetch(f"{playground.origin_url}/page", playground.proxy_urls[0])
    assert capfd.readouterr().err == ""


def test_a_tunnel_reaches_the_origin(play: Callable[..., Playground]) -> None:
    playground = play(ProxySpec(credentials={"ann": "right"}))
    connection = HTTPConnection(playground.proxy_urls[0][7:], timeout=5)
    host, port = playground.origin_url[7:].split(":")
    connection.set_tunnel(host, int(port), {"Proxy-Authorization": "Basic YW5uOnJpZ2h0"})

    connection.request("GET", "/page")

    assert connection.getresponse().read() == b"<title>/page</title>"
    connection.close()
    (entry,) = playground.origin_log()
    assert entry["via"] is None, "what goes through a tunnel the proxy cannot see"


def test_a_site_that_cannot_be_reached_is_a_502(play: Callable[..., Playground]) -> None:
    playground = play(ProxySpec(), ProxySpec(fault=Fault.REFUSE))
    nobody = playground.proxy_urls[1]

    assert fetch(f"{nobody}/page", playground.proxy_urls[0])[0] == 502
    connection = HTTPConnection(playground.proxy_urls[0][7:], timeout=5)
    connection.set_tunnel("127.0.0.1", int(nobody.rpartition(":")[2]))
    with pytest.raises(OSError, match="502"):
        connection.request("GET", "/page")


@pytest.fixture
def serve_site() -> Iterator[Callable[[bytes], str]]:
    """Start sites that answer the first request of each connection, and close it."""
    sockets = []

    def serve(answer: bytes) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        sockets.append(listening)

        def answer_all() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:  # it is closed: the test is over
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        Thread(target=answer_all, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield serve
    for one in sockets:
        one.shutdown(socket.SHUT_RDWR)
        one.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
        b"HTTP/1.0 200\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: z\r\n\r\n"
        ),
    ],
    ids=["closed later", "closed", "HTTP/1.0", "told to go on", "chunked"],
)
def test_a_proxy_passes_on_what_other_sites_answer(
    answer: bytes, play: Callable[..., Playground], serve_site: Callable[[bytes], str]
) -> None:
    site = serve_site(answer)
    connection = HTTPConnection(play(ProxySpec()).proxy_urls[0][7:], timeout=5)

    for _ in range(3):  # by one connection to the proxy, whatever becomes of those to the site
        connection.request("GET", f"{site}/page")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"hello")
        assert response.getheader("Content-Length") == "5"
    connection.close()


def test_a_proxy_passes_on_a_body_that_comes_in_chunks(
    play: Callable[..., Playground],
) -> None:
    playground = play(ProxySpec())
    connection = HTTPConnection(playground.proxy_urls[0][7:], timeout=5)

    for _ in range(2):  # what is left of the first body would be read as the second request
        chunks = iter([b"he", b"llo"])
        connection.request("POST", f"{playground.origin_url}/p", body=chunks, encode_chunked=True)
        assert connection.getresponse().read() == b"<title>/p</title>"
    connection.close()
    for entry in playground.origin_log():
        assert entry["headers"]["content-length"] == "5"
        assert "transfer-encoding" not in entry["headers"]


def test_a_proxy_knows_which_answers_have_no_body(
    play: Callable[..., Playground], serve_site: Callable[[bytes], str]
) -> None:
    playground = play(ProxySpec(), ProxySpec(fault=Fault.STATUS))
    unchanged = serve_site(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n")
    for proxy, url, method, status in (
        (0, f"{playground.origin_url}/page", "HEAD", 200),
        (1, f"{playground.origin_url}/page", "HEAD", 403),
        (0, unchanged, "GET", 304),
    ):
        connection = HTTPConnection(playground.proxy_urls[proxy][7:], timeout=5)
        for _ in range(2):  # the second one would read a body of the first as its answer
            connection.request(method, url)
            response = connection.getresponse()
            assert (response.status, response.read()) == (status, b"")
            assert int(response.headers["Content-Length"]) > 0
        connection.close()


def test_a_proxy_can_change_its_ways(play: Callable[..., Playground]) -> None:
    playground = play(ProxySpec(), ProxySpec(fault=Fault.REFUSE))
    page = f"{playground.origin_url}/page"
    assert fetch(page, playground.proxy_urls[0])[0] == 200

    playground.change(0, ProxySpec(fault=Fault.STATUS, status=503))

    assert fetch(page, playground.proxy_urls[0])[0] == 503
    for place, spec in ((0, ProxySpec(fault=Fault.REFUSE)), (1, ProxySpec())):
        with pytest.raises(ValueError, match="settled when it starts"):
            playground.change(place, spec)


def test_the_bookshop_lists_its_books(playground: Playground) -> None:
    proxy = playground.proxy_urls[0]

    _, first = fetch(f"{playground.origin_url}/", proxy)
    _, last = fetch(f"{playground.origin_url}/page/24", proxy)
    _, book = fetch(f"{playground.origin_url}/book/7", proxy)

    assert first.count(b"/book/") == last.count(b"/book/") == 20
    assert b'href="/page/2"' in first
    assert b"next" not in last
    assert b"<h1>Book 7</h1>" in book


def test_a_basket_is_for_the_proxy_that_it_was_begun_through(playground: Playground) -> None:
    first, second, _ = playground.proxy_urls
    add = f"{playground.origin_url}/basket/add/7"
    seven = b'<li class="in-basket">Book 7</li>'

    status, page = fetch(add, first)  # by two visitors
    assert (status, page.count(seven)) == (200, 1)
    assert fetch(add, second)[1].count(seven) == 1
    assert fetch(add, first, cookie="basket=1")[1].count(seven) == 2
    assert fetch(f"{playground.origin_url}/basket", first, cookie="basket=1")[1].count(seven) == 2
    assert fetch(add, second, cookie="basket=1")[0] == 403


def test_a_spec_survives_its_way_as_json() -> None:
    spec = Spec(0.5, 0.1, 2, Fault.STATUS, 429, "wait", {"a": "b"}, True)

    assert Spec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize("name", ["latency", "body_seconds"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_latency_is_a_time(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} is"):
        ProxySpec.from_json({**ProxySpec().to_json(), name: value})


def test_a_capacity_is_a_number() -> None:
    with pytest.raises(ValueError, match="capacity is -1; it must be at least 0"):
        ProxySpec(capacity=-1)


def test_a_process_that_has_died_is_told_of(play: Callable[..., Playground]) -> None:
    playground = play(ProxySpec())
    playground._process.kill()
    playground._process.wait()

    with pytest.raises(RuntimeError, match="process has ended"):
        playground.origin_log()


def test_it_can_be_started_by_hand() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "scrapy_proxywhirl.playground", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(12)]
    process.terminate()
    process.wait()
    process.stdout.close()

    assert lines[0].startswith("A bookshop at http://127.0.0.1:")
    assert lines[10].endswith(" 400 ms\n")
    proxy = lines[1].split()[0]
    assert proxy.startswith("http://127.0.0.1:")


def test_a_playground_may_be_large(play: Callable[..., Playground]) -> None:
    assert len(set(play(*[ProxySpec()] * 400).proxy_urls)) == 400


def test_a_fault_befalls_its_share_of_the_requests(play: Callable[..., Playground]) -> None:
    playground = play(ProxySpec(fault=Fault.STATUS, status=403, fault_share=0.25))

    statuses = [
        fetch(f"{playground.origin_url}/page", playground.proxy_urls[0])[0] for _ in range(200)
    ]

    assert set(statuses) == {200, 403}
    assert 30 <= statuses.count(403) <= 70
    assert len(playground.origin_log()) == statuses.count(200)


def test_a_proxy_that_asks_too_often_is_banned(play: Callable[..., Playground]) -> None:
    playground = play(ProxySpec(status=429, most_a_second=5, ban_seconds=60.0))

    statuses = [
        fetch(f"{playground.origin_url}/page", playground.proxy_urls[0])[0] for _ in range(200)
    ]

    first = statuses.index(429)
    assert first >= 5  # on a machine that is slow, more
    assert statuses[first:] == [429] * (200 - first)


@pytest.mark.parametrize("tells_when", [True, False])
def test_a_proxy_that_is_banned_may_be_told_for_how_long(
    tells_when: bool, play: Callable[..., Playground]
) -> None:
    playground = play(
        ProxySpec(status=429, most_a_second=1, ban_seconds=60.0, tells_when=tells_when)
    )
    connection = HTTPConnection(playground.proxy_urls[0].removeprefix("http://"), timeout=10)

    for _ in range(200):  # a machine that is slow may need some
        connection.request("GET", f"{playground.origin_url}/page")
        response = connection.getresponse()
        response.read()
        if response.status == 429:
            break

    connection.close()
    assert response.getheader("retry-after") in (("59", "60") if tells_when else (None,))


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({"most_a_second": -1}, "most_a_second is -1; it must be at least 0"),
        ({"ban_seconds": -1.0}, "ban_seconds is -1.0; it must be in seconds, of at least 0"),
        ({"fault_share": 0.0}, r"fault_share is 0.0; it must be in \(0, 1\]"),
        ({"fault_share": 1.1}, r"fault_share is 1.1; it must be in \(0, 1\]"),
        (
            {"fault": Fault.REFUSE, "fault_share": 0.5},
            "fault_share is below 1; what refuses connections refuses all",
        ),
    ],
)
def test_shares_and_bans_are_checked(spec: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        ProxySpec(**spec)
