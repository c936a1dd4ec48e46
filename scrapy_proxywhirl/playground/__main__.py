"""``python -m scrapy_proxywhirl.playground``: a playground to try things on."""

from __future__ import annotations

import argparse
import asyncio

from scrapy_proxywhirl.playground.server import HOST, serve
from scrapy_proxywhirl.playground.spec import ProxySpec

PROXIES = 10


async def _main(first_port: int) -> None:
    specs = [ProxySpec(latency=0.04 * (place + 1)) for place in range(PROXIES)]
    servers = await serve(specs, first_port)
    origin, *proxies = servers.ports
    print(f"A bookshop at http://{HOST}:{origin}/ and proxies to reach it through:")
    for port, spec in zip(proxies, specs, strict=True):
        print(f"  http://{HOST}:{port}  {spec.latency * 1000:4.0f} ms")
    print("Ctrl-C ends them.", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m scrapy_proxywhirl.playground")
    parser.add_argument(
        "--port", type=int, default=8400, help="the site's; the proxies have the next ten"
    )
    try:
        asyncio.run(_main(parser.parse_args().port))
    except KeyboardInterrupt:
        pass
