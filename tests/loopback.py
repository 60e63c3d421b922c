"""A server on loopback while a block lasts: quick to end, silent about what its clients break off."""

import threading


class LoopbackServer:
    """Serves on a free port; ``ended`` is set when the block is over, for answers that hang until then."""

    def __init__(self, kind, handler):
        """Listen with a threading server of a ``kind`` of socketserver; a ``handler`` answers."""

        class Server(kind):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.ended = threading.Event()
        self._server = Server(("127.0.0.1", 0), handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def base(self):
        return f"{self.origin}/fhir"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
