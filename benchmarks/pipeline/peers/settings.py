"""Servers and folder of a peer, from the environment that the benchmark sets."""

import os
from pathlib import Path

REDIS_URL = os.environ["BENCH_REDIS_URL"]
DATABASE_URL = os.environ["BENCH_DATABASE_URL"]
IMAGES_DIR = Path(os.environ["BENCH_IMAGES_DIR"])
