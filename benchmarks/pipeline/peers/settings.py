"""Where a peer finds its servers and puts its files; the benchmark says."""

import os
from pathlib import Path

REDIS_URL = os.environ["BENCH_REDIS_URL"]
DATABASE_URL = os.environ["BENCH_DATABASE_URL"]
IMAGES_DIR = Path(os.environ["BENCH_IMAGES_DIR"])
