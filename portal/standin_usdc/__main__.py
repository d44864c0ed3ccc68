"""`python -m portal.standin_usdc`: serve until SIGTERM, or until the process that started us is gone."""

import argparse
import logging
import os
import sys
from pathlib import Path

from portal.standin.process import serve
from portal.standin_usdc.server import Server


def main() -> int:
    parser = argparse.ArgumentParser(prog="portal.standin_usdc", description="A local stand-in for USDC over x402.")
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    parser.add_argument("--state", type=Path, help="file that keeps everything; in memory without one")
    told = parser.parse_args()
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=os.environ.get("LOG_LEVEL", "WARNING")
    )
    try:
        server = Server(port=told.port, file=told.state)
    except OSError as error:
        print(f"purser: port {told.port} for test USDC: {error.strerror}", file=sys.stderr)
        return 1
    serve(server)
    return 0


if __name__ == "__main__":
    sys.exit(main())
