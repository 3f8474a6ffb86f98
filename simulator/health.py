"""Says over HTTP whether the simulator runs: 200 when it follows the clock and is connected, else 503."""

import json
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class HealthDoor:
    """Answers /health/live and /health/ready on a listening socket (of a supervisor) or on an own port."""

    def __init__(
        self, ready: Callable[[], bool], listener: socket.socket | None = None, address: tuple[str, int] | None = None
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = self.path in ("/health/live", "/health/ready")
                passes = known and (self.path == "/health/live" or ready())
                body = json.dumps({"service": "simulator", "status": "ready" if passes else "unavailable"}).encode()
                self.send_response(200 if passes else 503 if known else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """A line for every look says nothing."""

        self._server = ThreadingHTTPServer(address or ("127.0.0.1", 0), Handler, bind_and_activate=listener is None)
        self._server.daemon_threads = True
        if listener is not None:
            self._server.socket.close()
            self._server.socket = listener
        self.port: int = self._server.socket.getsockname()[1]

    def start(self) -> None:
        Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
