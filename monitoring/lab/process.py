"""Child processes and ports."""
import ctypes
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

LIBC = ctypes.CDLL(None)
DIE_WITH_PARENT = 1


class Trouble(Exception):
    """Something that should run does not: a sentence."""


def port(claims=[]):  # pylint: disable=dangerous-default-value
    """A free port, claimed as the tests in Rust claim theirs, so that none of them takes it before its program does."""
    folder = pathlib.Path(tempfile.gettempdir()) / f"fingerprint-cache-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    start = os.getpid() * 97 + len(claims)
    for step in range(12_000):
        number = 20_000 + (start + step) % 12_000
        claim = open(folder / str(number), "w", encoding="utf-8")
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", number))
        except OSError:
            claim.close()
            continue
        # Held as long as this process lives.
        claims.append(claim)
        return number
    raise Trouble("No port between 20000 and 31999 is free.")


def program(name, package):
    """The path of a program that Debian has in a package."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/local/sbin:/usr/sbin:/sbin")
    if not found:
        raise Trouble(f"{name} is missing: apt-get install --no-install-recommends {package} (`make setup` does).")
    return found


class Process:
    """One child, with its log in a file. It ends with this process, whatever happens to that."""

    def __init__(self, name, words, folder, cwd=None, env=None):
        self.name, self.words, self.cwd = name, [str(word) for word in words], cwd
        self.log, self.env = folder / f"{name}.log", {**os.environ, **(env or {})}
        self.child = None

    def start(self):
        """Starts it."""
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                self.words, cwd=self.cwd, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=lambda: LIBC.prctl(DIE_WITH_PARENT, signal.SIGKILL))
        return self

    def until(self, ready, what, limit=30):
        """Waits until `ready()` is true."""
        deadline = time.monotonic() + limit
        while True:
            if self.child.poll() is not None:
                raise Trouble(f"{self.name} ended with {self.child.returncode}. The end of its log:\n{self.tail()}")
            try:
                if ready():
                    return self
            except (OSError, ValueError):
                pass
            if time.monotonic() > deadline:
                raise Trouble(f"{self.name}: {what} not within {limit} s. The end of its log:\n{self.tail()}")
            time.sleep(0.05)

    def listens(self, number):
        """Waits until it accepts connections."""
        def connects():
            with socket.create_connection(("127.0.0.1", number), 1):
                return True
        return self.until(connects, f"port {number}")

    def tail(self):
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])

    def signal(self, number):
        """Sends a signal, unless it is gone."""
        if self.child and self.child.poll() is None:
            self.child.send_signal(number)

    def kill(self):
        """Kills it."""
        self.signal(signal.SIGKILL)
        if self.child:
            self.child.wait()

    def stop(self):
        """Asks it to end, and kills it after three seconds."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        try:
            if self.child:
                self.child.wait(3)
        except subprocess.TimeoutExpired:
            self.kill()
