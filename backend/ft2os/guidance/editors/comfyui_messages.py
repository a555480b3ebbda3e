"""What a ComfyUI server tells of its jobs while they run, over a websocket."""

from __future__ import annotations

import socket
import urllib.parse
from contextlib import ExitStack
from typing import Any

from ft2os.errors import RequestError
from ft2os.files import brief
from ft2os.guidance.editors.comfyui_server import TIMEOUT_S, Server

_MOST_MESSAGE = 32 << 20  # bytes; previews are messages too


class BrokenOffError(Exception):
    """A connection ended that should not have."""


class Messages:
    """What a server tells over a websocket, until it is closed. One that breaks off can be opened again."""

    def __init__(self, server: Server) -> None:
        self._server, self._stack = server, ExitStack()
        self.open()

    def open(self) -> None:
        """Connect, anew if there was a connection.

        Raises
        ------
        RequestError
            If the server cannot be reached.
        """
        from websockets.exceptions import InvalidHandshake, InvalidURI
        from websockets.sync.client import connect

        self.close()
        scheme, rest = self._server.address.split(":", 1)
        parts = urllib.parse.urlsplit(self._server.address)
        port = parts.port or (443 if scheme == "https" else 80)
        query = urllib.parse.urlencode({"clientId": self._server.client})
        try:
            # With a connection that is there already, the library follows no redirect.
            plain = socket.create_connection((parts.hostname, port), TIMEOUT_S)
        except OSError as error:
            raise self._server.away(error) from error
        try:
            connection = connect(
                f"{'wss' if scheme == 'https' else 'ws'}:{rest}/ws?{query}",
                sock=plain,
                proxy=None,
                open_timeout=TIMEOUT_S,
                close_timeout=1.0,
                ping_interval=None,  # a server that loads a model may be silent for minutes
                max_size=_MOST_MESSAGE,
            )
        except (InvalidHandshake, InvalidURI, ValueError) as error:
            plain.close()
            raise RequestError(
                f"What answers at {self._server.address} does not speak as ComfyUI does: {brief(error)}.",
                "Check the address of the ComfyUI server.",
            ) from error
        except (OSError, EOFError) as error:
            plain.close()
            raise self._server.away(error) from error
        self._receive: Any = self._stack.enter_context(connection).recv

    def next(self, seconds: float) -> str | bytes | None:
        """The next message, or None if none comes in so many seconds.

        Raises
        ------
        BrokenOffError
            If the connection does.
        """
        from websockets.exceptions import ConnectionClosed

        try:
            return self._receive(timeout=seconds)
        except TimeoutError:
            return None
        except ConnectionClosed as error:
            raise BrokenOffError from error

    def close(self) -> None:
        """Hang up."""
        self._stack.close()
