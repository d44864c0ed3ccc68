"""`python -m portal.standin`: serve until SIGTERM, or until the process that started us is gone."""

import argparse
import logging
import os
import sys
from pathlib import Path

from portal.standin.process import serve
from portal.standin.server import Server


def main() -> int:
    parser = argparse.ArgumentParser(prog="portal.standin", description="A local stand-in for Stripe's API.")
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    parser.add_argument("--state", type=Path, help="file that keeps everything; in memory without one")
    parser.add_argument("--pages", required=True, help="address under which the portal serves Checkout")
    parser.add_argument("--token-file", type=Path, required=True, help="file with the token of the private paths")
    told = parser.parse_args()
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=os.environ.get("LOG_LEVEL", "WARNING")
    )
    token = told.token_file.read_text().strip()
    try:
        server = Server(port=told.port, file=told.state, pages=told.pages, token=token)
    except OSError as error:
        print(f"purser: port {told.port} for simulated payments: {error.strerror}", file=sys.stderr)
        return 1

    serve(server)
    return 0


if __name__ == "__main__":
    sys.exit(main())
