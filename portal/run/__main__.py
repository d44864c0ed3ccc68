"""`python -m portal.run` starts and watches everything; with `web`, `worker` or `beat` it is that part alone."""

import sys
from collections.abc import Sequence

from portal.run.config import read_config
from portal.run.part import become
from portal.run.problem import Problem
from portal.run.supervisor import Supervisor


def main(arguments: Sequence[str]) -> int:
    try:
        if arguments:
            become(arguments, read_config())
        Supervisor(read_config()).run()
    except Problem as problem:
        print(f"purser: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
