"""HTTP for the app: who may ask, and what is answered.

Every user of a machine can reach a port of 127.0.0.1, and every page of the web can make a browser
call it by a name of its own. So all but the bare files of the page want a secret, which only the
address that was printed has, and a Host that is this machine.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import socket
from contextlib import suppress
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from gasnet3.errors import GasnetError
from gasnet3.view.desk import Desk

STATIC = Path(__file__).with_name("static")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
POLICY = "default-src 'self'; img-src 'self' data: blob:; style-src 'self'"
LONGEST = 1 << 20
"""Bytes of a question, at most."""

NO_SECRET = (
    "The address lacks the secret of this app, or has an old one: open the address that gasnet3 "
    "view printed, the part behind ?secret= too."
)


class Server(ThreadingHTTPServer):
    """The server of one app; ``secret`` is what an address must have."""

    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False

    def __init__(self, place: tuple[str, int], desk: Desk, secret: str) -> None:
        self.desk, self.secret = desk, secret
        self.anywhere = place[0] == "0.0.0.0"
        self.names = {"127.0.0.1", "localhost", place[0].lower(), socket.gethostname().lower()}
        self.connections: set[socket.socket] = set()
        super().__init__(place, Handler)

    def server_bind(self) -> None:
        """Bind, without looking up the machine's name: that can take many seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        host, port = self.socket.getsockname()[:2]
        self.server_address = (host, port)
        self.server_name, self.server_port = host, port

    def server_close(self) -> None:
        """Close the port and the connections, which browsers keep open to ask more."""
        super().server_close()
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def is_host(self, host: str) -> bool:
        """Whether a Host means this machine: pages of elsewhere come with a name of theirs."""
        name = (urlsplit(f"//{host}").hostname or "").lower()
        if name in self.names:
            return True
        return self.anywhere and (_is_address(name) or name == socket.getfqdn().lower())

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a browser that goes away is no fault."""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@cache
def static(name: str) -> tuple[bytes, str] | None:
    """One of the files of the page, and its type."""
    known = {path.name: path for path in STATIC.iterdir() if path.suffix in TYPES}
    path = known.get(name)
    return (path.read_bytes(), TYPES[path.suffix]) if path else None


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 600
    server: Server
    server_version = "gasnet3"
    sys_version = ""
    fixed: ClassVar[dict[str, str]] = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Resource-Policy": "same-origin",
    }

    def setup(self) -> None:
        """Begin with a connection."""
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        """End with it."""
        self.server.connections.discard(self.connection)
        with suppress(OSError):  # the browser may be gone
            super().finish()

    def do_GET(self) -> None:
        """The page, and its files."""
        parts = urlsplit(self.path)
        if not self._welcome():
            return
        if parts.path == "/":
            given = parse_qs(parts.query).get("secret", [""])[0]
            if self._knows(given):
                self._send(HTTPStatus.OK, *(static("page.html") or (b"", "")))
            else:
                self._tell(HTTPStatus.FORBIDDEN, NO_SECRET)
            return
        found = static(parts.path.removeprefix("/static/"))
        if parts.path.startswith("/static/") and found:
            self._send(HTTPStatus.OK, *found)
        else:
            self._tell(HTTPStatus.NOT_FOUND, "There is no such page.")

    def do_POST(self) -> None:
        """Questions of the page."""
        body = self._body()
        if body is None or not self._welcome():
            return
        if not self._knows(self.headers.get("X-Secret", "")):
            self._tell(HTTPStatus.FORBIDDEN, NO_SECRET)
            return
        answer: dict[str, Any]
        try:
            asked = json.loads(body or b"{}")
            answer = self.server.desk.answer(self.path.removeprefix("/ask/"), asked)
        except GasnetError as error:  # an answer too: a browser complains of other statuses
            answer = {"error": str(error)}
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            self._tell(HTTPStatus.BAD_REQUEST, "This is no question of the page.")
            return
        except Exception as error:  # whatever a model does, the page says it
            answer = {"error": str(error) or type(error).__name__}
        data = json.dumps(answer, allow_nan=False).encode()
        self._send(HTTPStatus.OK, data, "application/json")

    def _body(self) -> bytes | None:
        """What was sent; None, and an answer, where that is too much."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LONGEST:
            self.close_connection = True
            self._tell(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This is too long.")
            return None
        return self.rfile.read(int(length))

    def _welcome(self) -> bool:
        """Whether Host and Origin are of this machine; otherwise it is answered."""
        origin = self.headers.get("Origin")
        own = origin is None or urlsplit(origin).netloc == self.headers.get("Host")
        if own and self.server.is_host(self.headers.get("Host", "")):
            return True
        self._tell(HTTPStatus.FORBIDDEN, "This app answers its own page on this machine only.")
        return False

    def _knows(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.server.secret.encode())

    def _tell(self, status: HTTPStatus, text: str) -> None:
        self._send(status, text.encode(), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, data: bytes, kind: str) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(data)), **self.fixed}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal is the user's."""
