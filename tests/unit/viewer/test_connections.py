"""Connections of the viewer are bounded in number and in the time that they may be idle."""

import asyncio
import resource

import pytest
import tornado.netutil
import tornado.web
from ultraseg.viewer import connections
from ultraseg.viewer.connections import LimitedServer, most_connections


class Answer(tornado.web.RequestHandler):
    def get(self):
        if self.get_argument("word", "") == "right":
            self.settings["server"].trust(self.request.connection)
        self.write("here")


async def started(most: int, idle_s: float = 30) -> tuple[LimitedServer, int]:
    application = tornado.web.Application([("/", Answer)])
    server = LimitedServer(application, most, idle_s)
    application.settings["server"] = server
    (socket,) = tornado.netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets([socket])
    return server, socket.getsockname()[1]


async def ask(reader, writer, path: str = "/") -> bytes:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    await writer.drain()
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert await asyncio.wait_for(reader.readexactly(4), 5) == b"here"
    return answer


async def is_closed(reader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(1), 5) == b""
    except ConnectionError:
        return True


def test_idle_connections_make_room_for_those_that_know_the_word():
    async def run():
        server, port = await started(most=5)
        friend = await asyncio.open_connection("127.0.0.1", port)
        await ask(*friend, "/?word=right")
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
        late = await asyncio.open_connection("127.0.0.1", port)
        await ask(*late)
        assert len(server.open) <= 5
        assert await is_closed(idle[0][0])
        await ask(*friend, "/?word=right")  # is not the one that makes room
        for _, writer in (friend, late, *idle):
            writer.close()
        await asyncio.sleep(0.1)
        assert not server.open
        server.stop()

    asyncio.run(run())


def test_a_new_connection_is_refused_where_all_others_know_the_word():
    async def run():
        server, port = await started(most=2)
        friends = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for friend in friends:
            await ask(*friend, "/?word=right")
        stranger = await asyncio.open_connection("127.0.0.1", port)
        assert await is_closed(stranger[0])
        for friend in friends:
            await ask(*friend)
        server.stop()

    asyncio.run(run())


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: he"])
def test_a_connection_that_says_nothing_more_is_closed(said):
    async def run():
        server, port = await started(most=5, idle_s=0.2)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        assert await is_closed(reader)
        server.stop()

    asyncio.run(run())


@pytest.mark.parametrize(
    "files, most", [(100, 30), (64, 12), (20, 4), (1 << 20, 200), (resource.RLIM_INFINITY, 200)]
)
def test_connections_and_their_files_fit_under_the_limit(monkeypatch, files, most):
    monkeypatch.setattr(connections.resource, "getrlimit", lambda which: (files, files))
    assert most_connections() == most
