"""writer.py PORT PASSWORD PID SECONDS: writes one number after another to a Redis, each when the last was acknowledged,
kills it (SIGKILL) in the middle of that, and prints when each was acknowledged, in seconds before the kill."""

import os
import signal
import socket
import sys
import time


def main() -> None:
    port, password, pid, seconds = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    redis = socket.create_connection(("127.0.0.1", port))
    redis.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    redis.sendall(b"AUTH admin %s\r\n" % password.encode())
    if redis.recv(100) != b"+OK\r\n":
        sys.exit("Redis refuses the login.")
    acknowledged, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        redis.sendall(b"SET fpc:written %d\r\n" % len(acknowledged))
        if redis.recv(100) != b"+OK\r\n":
            sys.exit("Redis refuses a write.")
        acknowledged.append(time.monotonic())
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    print("\n".join(f"{killed - when:.6f}" for when in acknowledged))


main()
