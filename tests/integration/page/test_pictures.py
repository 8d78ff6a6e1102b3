"""Pictures of pages are taken once all that they show is there."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from docs.pictures.browser import picture

pytestmark = pytest.mark.integration

PAGE = b"""<!doctype html><style>body { margin: 0 } img { width: 100%; height: 100vh }</style>
<p class="loading"></p><div></div><script>
setTimeout(() => {
    document.querySelector('.loading').hidden = true;
    const image = document.createElement('img');
    image.loading = 'lazy';
    image.src = '/slow.png';
    document.querySelector('div').append(image);
}, 900)
</script>"""


class Slow(BaseHTTPRequestHandler):
    """A page that is quiet for a while before it asks for its picture, which comes late."""

    def do_GET(self) -> None:
        body = PAGE
        if self.path == "/slow.png":
            time.sleep(1.5)
            file = io.BytesIO()
            Image.new("RGB", (4, 4), (200, 0, 0)).save(file, "PNG")
            body = file.getvalue()
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if body is PAGE else "image/png")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_thumbnail_that_comes_late_is_in_the_picture(
    chromium: Browser, address: str, tmp_path: Path
) -> None:
    file = tmp_path / "page.png"

    picture(chromium, address, file, 320, 240)

    with Image.open(file) as taken:
        assert taken.size == (320, 240)
        assert taken.convert("RGB").getpixel((160, 120)) == (200, 0, 0)
