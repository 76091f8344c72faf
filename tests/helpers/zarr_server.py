"""A server on this computer that hands out a folder, and that fails as often as it is told."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace


@contextmanager
def serving(folder: Path) -> Iterator[SimpleNamespace]:
    """Give ``address``, ``asked`` (how often each path was asked for) and ``fail`` (path -> kinds of failures to come).

    A failure is a status such as 503, or "cut": the connection ends in the middle of the file.
    """
    asked: Counter[str] = Counter()
    fail: dict[str, list] = {}

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_):
            pass

        def do_GET(self):
            asked[self.path] += 1
            kinds = fail.get(self.path, [])
            kind = kinds.pop(0) if kinds else None
            if kind == "cut":
                content = (folder / self.path.lstrip("/")).read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True
            elif kind:
                self.send_error(kind)
            else:
                super().do_GET()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield SimpleNamespace(address=f"http://127.0.0.1:{http.server_port}", asked=asked, fail=fail)
        http.shutdown()
