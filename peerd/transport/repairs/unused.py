"""libp2p without what nobody here uses: transports, mDNS, certificates from a public authority.

upstream: libp2p/__init__.py, libp2p/custom_types.py, libp2p/transport/__init__.py,
libp2p/host/basic_host.py (0.8.1)

Whatever is imported of the library brings QUIC and WebSocket, mDNS and an ACME client, and with
them aioquic, websockets, zeroconf, httpx and requests: 20 MB. A daemon speaks TCP, and is told its
peers. In their place stand modules that have the names which the rest of the library binds when it
is imported; whoever calls one of them is told so. dnspython, which the library's resolver brings,
would load aioquic for DNS over QUIC; nobody here asks it for anything (``resolver``). Where libp2p
is here already, all stays as it is.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from types import ModuleType

NAMES = {
    "transport.quic.config": ("QUICTransportConfig",),
    "transport.quic.exceptions": ("QUICStreamClosedError", "QUICStreamResetError"),
    "transport.quic.stream": ("QUICStream",),
    "transport.quic.transport": ("QUICTransport",),
    "transport.quic.utils": ("is_quic_multiaddr",),
    "transport.websocket.transport": ("WebsocketTransport",),
    "discovery.mdns.mdns": ("MDNSDiscovery", "create_mdns_discovery"),
    "security.tls.autotls.acme": ("ACMEClient", "compute_b36_peer_id"),
    "security.tls.autotls.broker": ("BrokerClient",),
}
"""What is bound, by module below ``libp2p``."""


class Unused(Exception):
    """Base of what stands for a class: it may be caught, annotated and compared with, not made."""

    def __init__(self, *_: object, **__: object) -> None:
        name = type(self).__name__
        raise RuntimeError(f"peerd leaves libp2p's {name} out: peers are reached over TCP")


def leave_out() -> bool:
    """Ahead of the first import of libp2p. Whether it was: else nothing is left out."""
    if "libp2p" in sys.modules:
        return False
    for module, names in NAMES.items():
        parent, _, name = module.rpartition(".")
        package = _module(parent)
        package.__path__ = []  # a package: an import of what it has not is a ModuleNotFoundError
        setattr(package, name, _module(module, names))
    with suppress(ImportError, AttributeError):  # private: where it is gone, aioquic is loaded
        import_module("dns._features").force("doq", False)
    return True


def _module(name: str, names: tuple[str, ...] = ()) -> ModuleType:
    path = f"libp2p.{name}"
    module = sys.modules.setdefault(path, ModuleType(path, __doc__))
    for each in names:
        setattr(module, each, type(each, (Unused,), {"__module__": path}))
    return module


leave_out()
