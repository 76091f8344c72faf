"""A web server that bounds how many connections are open and how long they may be idle."""

from __future__ import annotations

import resource
from typing import Any

import tornado.httpserver
import tornado.web
from tornado.iostream import IOStream

IDLE_S = 30  # for the head of a request, and between two requests; browsers connect again
BODY_BYTES = 1 << 16  # nothing is sent to the viewer
MOST = 200
FILES = 40  # that the program has open beside connections and the files that they read


def most_connections() -> int:
    """How many connections fit under the limit on open files; each may read a file."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if limit == resource.RLIM_INFINITY else max(4, min(MOST, (limit - FILES) // 2))


class LimitedServer(tornado.httpserver.HTTPServer):
    """Holds at most ``most`` connections: a new one takes the place of the oldest that has not shown the secret word.

    Where all have shown it, a new one is closed.
    """

    def initialize(self, handlers: tornado.web.Application, most: int, idle_s: float = IDLE_S) -> None:  # type: ignore[override]  # Tornado's takes any
        super().initialize(
            handlers,
            idle_connection_timeout=idle_s,
            body_timeout=idle_s,
            max_body_size=BODY_BYTES,
        )
        self.most = most
        self.open: dict[IOStream, bool] = {}  # in the order of their coming; True: has shown the word

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        if len(self.open) >= self.most:
            oldest = next((known for known, trusted in self.open.items() if not trusted), None)
            if oldest is None:
                stream.close()
                return
            del self.open[oldest]
            oldest.close()
        self.open[stream] = False
        super().handle_stream(stream, address)

    def trust(self, connection: Any) -> None:
        """A request of this connection has shown the word."""
        stream = getattr(connection, "stream", None)
        if stream in self.open:
            self.open[stream] = True

    def on_close(self, server_conn: Any) -> None:
        super().on_close(server_conn)
        self.open.pop(server_conn.stream, None)
