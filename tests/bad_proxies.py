"""What may be wrong with a proxy, and the stat that it shows in."""

from __future__ import annotations

from scrapy_proxywhirl.playground import Fault, ProxySpec

CAPTCHA = ProxySpec(fault=Fault.STATUS, status=200, body="<title>Are you a robot?</title>" * 20)
EMPTY = ProxySpec(fault=Fault.STATUS, status=200, body="")

# With a time-out of 3 s.
BAD_PROXIES = [
    (ProxySpec(fault=Fault.REFUSE), "failures"),
    (ProxySpec(fault=Fault.RESET), "failures"),
    (ProxySpec(fault=Fault.HANG), "failures"),
    (ProxySpec(fault=Fault.CUT), "failures"),
    (ProxySpec(fault=Fault.RESET_BODY), "failures"),
    (ProxySpec(fault=Fault.GARBLE), "failures/BadGzipFile"),
    (ProxySpec(byte_seconds=0.5), "failures"),  # longer than it may take
    (ProxySpec(fault=Fault.STATUS, status=403), "bans/403"),
    (ProxySpec(fault=Fault.STATUS, status=502), "bans/502"),
    (ProxySpec(fault=Fault.STATUS, status=407), "failures/407"),
    (CAPTCHA, "bans/text"),
    (EMPTY, "bans/empty"),
]
