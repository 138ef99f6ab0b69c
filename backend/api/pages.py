"""The web UI's files, and what every answer tells browsers about trust."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Response, request, send_from_directory

from backend.api.errors import ApiError
from backend.config import Settings

_NOT_PAGES = ("api/", "external/", "socket.io/", "metrics")
_COMPRESSED = ("application/json", "text/", "application/javascript", "image/svg+xml")
_WORTH_COMPRESSING = 2_048
_HASHED_S = 365 * 86_400  # Vite names these files by their content
_HOST = re.compile(r"[\w.\-]+(:\d+)?|\[[0-9a-fA-F:]+\](:\d+)?")
_NOT_BUILT = (
    "The service runs. Its web page is not built: run `make frontend/dist/index.html`.\n"
    "The API is at /api/openapi.json.\n"
)


def register_pages(app: Flask, settings: Settings) -> None:
    """Serves the built web UI: every path that is no file is a page of it."""
    folder = settings.frontend_dir

    def page(path: str = "") -> Response:
        if path.startswith(_NOT_PAGES):
            raise ApiError(404, "not_found", f"there is no /{path}")
        if path and (folder / path).is_file():
            return _file(folder, path)
        if "." in path.rpartition("/")[2]:
            raise ApiError(404, "not_found", f"there is no file /{path}")
        if not (folder / "index.html").is_file():
            return Response(_NOT_BUILT, 404, mimetype="text/plain")
        return _file(folder, "index.html")

    # Not by a decorator of the app: those would describe it as a part of the API.
    app.add_url_rule("/", "page", page)
    app.add_url_rule("/<path:path>", "page", page)


def _file(folder: Path, path: str) -> Response:
    hashed = path.startswith("assets/")
    response = send_from_directory(folder, path, max_age=_HASHED_S if hashed else 0)
    if hashed:
        response.headers["Cache-Control"] += ", immutable"
    return response


def register_headers(app: Flask, settings: Settings) -> None:
    """Adds the security headers, and CORS for the origins that are allowed."""
    rpc = urlsplit(settings.browser_rpc_url)
    rpc_origin = f"{rpc.scheme}://{rpc.netloc.rpartition('@')[2]}"

    @app.after_request
    def add(response: Response) -> Response:
        headers = response.headers
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "no-referrer"
        headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"  # wallets open popups
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
        headers["Content-Security-Policy"] = _policy(rpc_origin, request.host)
        if request.is_secure:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        _allow_origin(response, settings)
        return _compressed(response)


def _policy(rpc_origin: str, host: str) -> str:
    # Some browsers do not count a web socket to the page's own host as 'self'.
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return "; ".join(
        [
            "default-src 'self'",
            f"connect-src 'self' {rpc_origin}{sockets}",
            "img-src 'self' data:",  # wallets announce their icons as data
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def _compressed(response: Response) -> Response:
    """Larger texts as gzip for who takes it: the contracts' interfaces are 300 KB of JSON."""
    if not (response.mimetype or "").startswith(_COMPRESSED) or response.status_code != 200:
        return response
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings["gzip"] or "Content-Encoding" in response.headers:
        return response
    if (response.content_length or 0) < _WORTH_COMPRESSING or request.method == "HEAD":
        return response
    response.direct_passthrough = False
    response.set_data(gzip.compress(response.get_data(), compresslevel=5, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    return response


def _allow_origin(response: Response, settings: Settings) -> None:
    origin = request.headers.get("Origin")
    if not settings.cors_origins:
        return
    response.vary.add("Origin")
    if origin in settings.cors_origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE, OPTIONS"
