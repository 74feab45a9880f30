"""Take the README's picture of the managers' page: `make screenshot`, or python -m tests.screenshot HOME OUT.png."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.running import free_port, running

WIDTH, HEIGHT = 1280, 1100  # down to the past periods


def main(home: Path, out: Path) -> None:
    """Serve a home and write a PNG of its page as it opens, in light colours, at a high resolution."""
    from playwright.sync_api import sync_playwright

    address = f"http://127.0.0.1:{(port := free_port())}"
    with (tempfile.TemporaryDirectory() as elsewhere,
          running("--home", home.resolve(), "serve", "--port", str(port), ready=f"{address}/readyz",
                  cwd=Path(elsewhere)),
          sync_playwright() as playwright):
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[
            "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
            "--disable-sync"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1.5,
                                color_scheme="light")
        page.goto(address)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) != 3 or not shutil.which("chromium"):
        sys.exit("Usage: python -m tests.screenshot HOME OUT.png (needs Chromium: apt-get install chromium)")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
