"""A proxy before a PostgreSQL socket that cuts connections where a test says."""

from __future__ import annotations

import contextlib
import enum
import select
import socket
import threading
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit


class Cut(enum.Enum):
    """What becomes of the next COMMIT."""

    BEFORE = "the server never sees it"
    AFTER = "the server does it, and its answer is lost"
    VANISH = "the client is gone, and the server is not told for a while"


class CuttingProxy:
    """Listens in a folder and forwards to the server; `cut_next` arms it for one COMMIT."""

    def __init__(self, folder, url):
        self._server = Path(dict(parse_qsl(urlsplit(url).query))["host"]) / ".s.PGSQL.5432"
        self._folder = Path(folder)
        self._cuts = []
        self.was_cut = threading.Event()
        self._held = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._folder / ".s.PGSQL.5432"))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        """A storage URL that leads through the proxy."""
        return f"postgresql://postgres@/postgres?host={self._folder}"

    def cut_next(self, *cuts):
        """Arm it: one COMMIT each."""
        self.was_cut.clear()
        self._cuts = list(cuts)

    def refuse_all(self):
        """Take no more connections; those that there are go on."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def let_go(self):
        """Tell the server now that the vanished clients are gone."""
        for held in self._held:
            held.close()
        self._held.clear()

    def close(self):
        self.let_go()
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._server))
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()

    def _forward(self, client, server):
        """Both ways in one thread, so that no answer passes while a cut is made."""
        while True:
            for source in select.select([client, server], [], [])[0]:
                data = _received(source)
                if source is client and b"COMMIT" in data and self._cuts:
                    self._cut(self._cuts.pop(0), data, client, server)
                    return
                if not data or not _sent(server if source is client else client, data):
                    _shut(client)
                    _shut(server)
                    return

    def _cut(self, cut, data, client, server):
        if cut is Cut.AFTER:
            server.sendall(data)
            _received(server)  # the answer: it is done
        if cut is Cut.VANISH:
            self._held.append(server)
        else:
            _shut(server)
        self.was_cut.set()
        _shut(client)


def _received(source):
    try:
        return source.recv(65_536)
    except OSError:
        return b""


def _sent(target, data):
    try:
        target.sendall(data)
    except OSError:
        return False
    return True


def _shut(end):
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
