"""Ports for servers that a test starts, stops and starts again."""

import itertools
import random
import socket

# Below the ports that the system gives to outgoing connections and to listeners without a port, such as the passive
# listeners of FTP. A test in another process could otherwise get the port of a server that is being restarted.
PORTS = range(12000, 32000)

_positions = itertools.count(random.SystemRandom().randrange(len(PORTS)))


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens. Each call in a process returns another one."""
    while True:
        port = PORTS[next(_positions) % len(PORTS)]
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
