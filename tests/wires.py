"""What stands before a real server in tests, and fails: silence, uploads that hang, cut wires."""

import contextlib
import ctypes
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.servers import HOST, ObjectStore, Server

#: A filter of the Linux kernel that lets no packet pass.
_SO_ATTACH_FILTER, _DROP_ALL = 26, struct.pack("HBBI", 6, 0, 0, 0)


@contextmanager
def silent_server() -> Iterator[str]:
    """The URL of a server that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen(64)
        yield f"http://{HOST}:{listener.getsockname()[1]}"


@dataclass
class UploadsHang:
    """A door to an S3 server: questions go through and are answered, uploads are swallowed."""

    url: str = ""
    uploads: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    is_open: bool = False  # lets uploads through too

    def carry(self, client: socket.socket, server: socket.socket) -> None:
        """Carry what a client says until it hangs up, or begins an upload."""
        with contextlib.suppress(OSError):
            while said := client.recv(65536):
                if said.startswith(b"PUT ") and not self.is_open:
                    self.uploads.release()
                    while client.recv(65536):  # all of it, and never a word
                        pass
                    return
                server.sendall(said)


@contextmanager
def uploads_hang(store: ObjectStore) -> Iterator[UploadsHang]:
    """A running door to the store whose uploads hang; `uploads` is released for each."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((HOST, 0)))
        door = UploadsHang(f"http://{HOST}:{listener.getsockname()[1]}")
        ends: list[socket.socket] = []

        def answer(server: socket.socket, client: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while said := server.recv(65536):
                    client.sendall(said)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    server = socket.create_connection((HOST, store.port))
                    ends.extend((client, server))
                    for work, args in ((door.carry, (client, server)), (answer, (server, client))):
                        threading.Thread(target=work, args=args, daemon=True).start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield door
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for end in ends:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()


class Wire:
    """A port in front of a server's; what goes over it can be cut as by a power failure."""

    def __init__(self, listener: socket.socket, server_port: int) -> None:
        self.port = int(listener.getsockname()[1])
        self._listener = listener
        self._server_port = server_port
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._dead: list[tuple[socket.socket, socket.socket]] = []  # a closed one says goodbye
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Have every connection die without a word: neither end is told, nothing is answered.

        New ones work.
        """
        self._dead, self._pairs = self._pairs, []
        program = ctypes.create_string_buffer(_DROP_ALL)
        drop_all = struct.pack("HL", 1, ctypes.addressof(program))
        for client, server in self._dead:
            client.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, drop_all)
            with contextlib.suppress(OSError):  # the server has ended this one itself
                server.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection((HOST, self._server_port))
            except OSError:  # the test is over
                return
            self._pairs.append((client, server))
            for ends in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)
            if any(source in pair for pair in self._pairs):  # else it was cut, which nobody hears
                target.shutdown(socket.SHUT_WR)


@contextmanager
def wire(server: Server) -> Iterator[Wire]:
    """A wire to a running server."""
    with socket.create_server((HOST, 0)) as listener:
        yield Wire(listener, server.port)
