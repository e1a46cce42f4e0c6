"""What the application sees of a request (PEP 3333), made of what the server tells (ASGI), and the keys we add to it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, MutableMapping
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

Scope = Mapping[str, Any]
Environ = MutableMapping[str, Any]
Headers = list[tuple[bytes, bytes]]

LEASE = "winnow.lease"
"""Where the WSGI environment has the request's lease of memory."""
IS_WHOLE = "winnow.body_is_whole"
"""True where the server has said that the body came to its end."""

NOT_HANDED_ON = frozenset({b"transfer-encoding", b"content-length", b"expect"})


def environ_of(scope: Scope, body: BytesIO, size: int) -> Environ:
    """The WSGI environment (PEP 3333) of an ASGI request whose body is in memory.

    A header that came twice is one, joined by a comma. Names with an underscore are left out: they would pass for those
    with a hyphen.
    """
    body.getvalue()  # cut to its length, it is read without a copy
    body.seek(0)
    host, port = scope.get("server") or ("", 0)
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.0" if scope["http_version"] in {"1", "1.0"} else f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "CONTENT_LENGTH": str(size),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" in raw_name or raw_name in NOT_HANDED_ON or (raw_name == b"host" and not raw_value):
            continue
        name, value = raw_name.decode("latin-1").upper().replace("-", "_"), raw_value.decode("latin-1")
        key = name if name == "CONTENT_TYPE" else f"HTTP_{name}"
        joint = "; " if name == "COOKIE" else ","
        environ[key] = f"{environ[key]}{joint}{value}" if key in environ else value
    return environ
