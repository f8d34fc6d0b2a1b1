"""A connection to Redis: one command, one reply."""
import socket

from .process import Trouble


class Redis:
    """Logged in as the user for people and tests of envoy/users.acl."""

    def __init__(self, number, user="admin", password="fpc-local-admin"):
        self.socket = socket.create_connection(("127.0.0.1", number), 2)
        self.file = self.socket.makefile("rb")
        if user:
            self("AUTH", user, password)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def __call__(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        lines = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self.socket.sendall(b"*%d\r\n%s" % (len(parts), lines))
        return self.reply()

    def reply(self):
        """The next reply; an error is raised."""
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("Redis closed the connection")
        kind, text = line[:1], line[1:-2]
        if kind == b"-":
            raise Trouble(f"Redis says: {text.decode()}")
        if kind == b":":
            return int(text)
        if kind == b"$":
            return None if text == b"-1" else self.file.read(int(text) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(text))]
        return text
