"""`make bench`. Small on purpose: every client process imports this file again."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from bench import main

    sys.exit(main())
