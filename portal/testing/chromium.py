"""The browser of the page tests: Debian's Chromium, driven by Playwright."""

import os

from playwright.sync_api import Browser, BrowserContext, Playwright, expect

# Three processes of tests share a machine: what is right in the end is waited for, however busy it is.
PATIENCE = 30_000  # milliseconds
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

expect.set_options(timeout=PATIENCE)


def launched(playwright: Playwright) -> Browser:
    path = os.environ.get("CHROMIUM")
    assert path, "the page tests need Chromium: apt-get install chromium-headless-shell, or set CHROMIUM"
    return playwright.chromium.launch(executable_path=path, args=FLAGS)


def patient(context: BrowserContext) -> BrowserContext:
    """With the same patience for clicks and addresses."""
    context.set_default_timeout(PATIENCE)
    return context
