"""Status over a Unix socket: the board the runner writes, the server, and its client."""

from peerd.status.board import StatusBoard
from peerd.status.endpoint import StatusSocketError
from peerd.status.routes import Views
from peerd.status.server import serve_status

__all__ = ["StatusBoard", "StatusSocketError", "Views", "serve_status"]
