"""A network between us and a peer, which may become a black hole: nothing comes through, and nobody is told."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy:
    """Forwards every connection to a port. What a hole has swallowed comes through, late, once it is healed."""

    def __init__(self, port: int, listener: socket.socket) -> None:
        self.target, self.listener = port, listener
        self.port: int = listener.getsockname()[1]
        self.has_swallowed = threading.Event()
        self._is_open = threading.Event()
        self._is_open.set()
        self._left: int | None = None
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def swallow_after(self, octets: int) -> None:
        """Become a black hole, in both directions, when so many octets more have come through."""
        with self._lock:
            self._left = octets

    def heal(self) -> None:
        """Let everything through again."""
        with self._lock:
            self._left = None
            self._is_open.set()

    def run(self) -> None:
        """Take connections until the listener is shut."""
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self._sockets += [client, server]
            for source, sink in ((client, server), (server, client)):
                thread = threading.Thread(target=self._pump, args=(source, sink))
                self._threads.append(thread)
                thread.start()

    def end(self) -> None:
        self.heal()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while octets := source.recv(512):
                self._pass(len(octets))
                sink.sendall(octets)
            self._is_open.wait()
            sink.shutdown(socket.SHUT_WR)

    def _pass(self, octets: int) -> None:
        with self._lock:
            if self._left is not None:
                self._left -= octets
                if self._left < 0:
                    self._is_open.clear()
                    self.has_swallowed.set()
        self._is_open.wait()


@contextmanager
def between(port: int) -> Iterator[Proxy]:
    """A network before a port of this machine, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(port, listener)
        acceptor = threading.Thread(target=proxy.run)
        acceptor.start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            proxy.end()
