"""`python -m voice_pipeline --spec FILE|-`"""

import sys

from voice_pipeline.program import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
