"""Returns when something listens on the port, or fails after a while."""

import socket
import sys
import time

port = int(sys.argv[1])
end = time.monotonic() + 30
while True:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        break
    except OSError:
        if time.monotonic() > end:
            sys.exit(f"nothing listens on port {port}")
        time.sleep(0.1)
