"""The page's files: what a browser gets, how, and whom it is told to trust."""

from __future__ import annotations

import gzip

from api_world import (
    World,
)

pytest_plugins = ["api_world"]


# ---- the page's files --------------------------------------------------------------------------


def test_without_a_built_page_the_service_says_how_to_build_it(world: World) -> None:
    answer = world.client.get("/")
    assert answer.status_code == 404
    assert "make frontend/dist/index.html" in answer.text


def test_every_path_that_is_no_file_is_a_page(world: World) -> None:
    dist = world.settings.frontend_dir
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<p>page</p>")
    (dist / "assets" / "index-abc.js").write_text("1")
    (dist.parent / "secret.txt").write_text("secret")
    for path in ("/", "/resident", "/audit/slot/7"):
        answer = world.client.get(path)
        assert (answer.status_code, answer.text) == (200, "<p>page</p>")
        assert "no-cache" in answer.headers["Cache-Control"]
    script = world.client.get("/assets/index-abc.js")
    assert "immutable" in script.headers["Cache-Control"]
    assert world.client.get("/assets/gone.js").status_code == 404
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/assets/../../secret.txt"):
        assert "secret" not in world.client.get(path).text


def test_large_texts_are_compressed_for_who_takes_that(world: World) -> None:
    plain = world.client.get("/api/config")
    packed = world.client.get("/api/config", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 4
    assert "Accept-Encoding" in plain.headers["Vary"]
    small = world.client.get("/api/health", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in small.headers
    dist = world.settings.frontend_dir
    dist.mkdir()
    (dist / "index.html").write_text("x" * 5_000)
    (dist / "photo.png").write_bytes(bytes(5_000))
    page = world.client.get("/", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(page.data) == b"x" * 5_000
    photo = world.client.get("/photo.png", headers={"Accept-Encoding": "gzip"})
    assert photo.data == bytes(5_000)


def test_browsers_are_told_whom_to_trust(world: World) -> None:
    headers = world.client.get("/api/health").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert world.anvil.url in policy
    assert "ws://localhost" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert (
        "Access-Control-Allow-Origin"
        not in world.client.get("/api/health", headers={"Origin": "http://evil.example"}).headers
    )
