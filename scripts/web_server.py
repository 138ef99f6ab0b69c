"""The production web server of the service: gunicorn, one worker process with many threads.

One process, because the service's stages share its memory; threads, because long polls and web
sockets each hold one. Gunicorn's master keeps slow clients off the threads and starts a worker that
died again.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from flask import Flask
from gunicorn.app.base import BaseApplication

_THREADS = 200
_CONNECTIONS = 2_000
_DRAIN_S = 1  # open web sockets never end by themselves; accepted readings are stored before
_STOP_S = 5  # for the worker as a whole; then the master kills it


class WebServer(BaseApplication):  # type: ignore[misc]  # ships no types
    """Serves the app that `make_app` returns, until SIGTERM.

    Args:
        host, port: where to listen.
        make_app: called in the worker process, after the fork: threads and sockets belong there.
            What it raises ends the server.
        stop_app: called in the worker before it ends; must return within two seconds.
    """

    def __init__(
        self,
        host: str,
        port: int,
        make_app: Callable[[], Flask],
        stop_app: Callable[[Flask], None],
    ) -> None:
        self._bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._make_app = make_app
        self._stop_app = stop_app
        self._app: Flask | None = None
        super().__init__()

    def load_config(self) -> None:
        """Gunicorn's settings."""

        def worker_exit(_server: Any, _worker: Any) -> None:
            if self._app is None:
                return  # it never began; the exit status tells the master to give up
            self._stop_app(self._app)
            logging.shutdown()
            os._exit(0)  # do not wait for threads that hold web sockets

        def post_fork(_server: Any, worker: Any) -> None:
            worker.cfg.set("graceful_timeout", _DRAIN_S)  # the worker's own copy

        settings = {
            "bind": self._bind,
            "workers": 1,
            "worker_class": "gthread",
            "threads": _THREADS,
            "worker_connections": _CONNECTIONS,
            "keepalive": 30,
            "timeout": 60,
            "graceful_timeout": _STOP_S,
            "post_fork": post_fork,
            "worker_exit": worker_exit,
            "control_socket_disable": True,
            "proc_name": "ohmstead",
        }
        for key, value in settings.items():
            self.cfg.set(key, value)

    def serve(self) -> NoReturn:
        """Serves until SIGTERM, then ends the process: Ape's own clean-up takes seconds."""
        try:
            self.run()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        logging.shutdown()
        sys.stdout.flush()
        os._exit(status)

    def load(self) -> Flask:
        """The app, in the worker."""
        self._app = self._make_app()
        return self._app
