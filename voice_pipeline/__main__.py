"""`python -m voice_pipeline --spec FILE|-`"""

import sys

from voice_pipeline import stopping

if __name__ == "__main__":
    stopping.listen()  # before what takes long to import, so that a cancel is heard from the first moment

    from voice_pipeline.program import main

    sys.exit(main(sys.argv[1:]))
