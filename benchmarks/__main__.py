"""`python -m benchmarks [name ...]`: see benchmarks.run."""

import sys

from benchmarks.run import run

sys.exit(run(sys.argv[1:]))
