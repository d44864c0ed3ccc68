"""`python -m portal.run`."""

import sys

from portal.run.config import read_config
from portal.run.problem import Problem
from portal.run.supervisor import Supervisor


def main() -> int:
    try:
        Supervisor(read_config()).run()
    except Problem as problem:
        print(f"purser: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
