"""Runs one hot path under callgrind; started by measure.py: python -m benchmarks.guard.probe PATH FOLDER URL.

Code is about fifty times slower under callgrind, so inputs are prepared outside and NumPy is not imported.
"""

import gc
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.guard.callgrind import Callgrind
from benchmarks.guard.hot_paths import (
    ARCHIVER,
    CAPTION,
    CAPTION_OWN_TABLES,
    CAPTIONER,
    HOT_PATHS,
    UPLOAD,
    UPLOAD_WITH_KEY,
    Place,
)
from benchmarks.guard.paths.archiver import open_archiver
from benchmarks.guard.paths.caption import open_captions
from benchmarks.guard.paths.captioner import open_captioner
from benchmarks.guard.paths.upload import open_upload_route, open_upload_route_with_key

# Each context yields a function that processes a number of images.
_Open = Callable[[Place], AbstractContextManager[Callable[[int], None]]]
_OPEN: dict[str, _Open] = {
    CAPTION.name: open_captions,
    CAPTION_OWN_TABLES.name: open_captions,
    UPLOAD.name: open_upload_route,
    UPLOAD_WITH_KEY.name: open_upload_route_with_key,
    CAPTIONER.name: open_captioner,
    ARCHIVER.name: open_archiver,
}


def main() -> None:
    """Count a short and a long run, each into its own file."""
    name, folder, redis_url = sys.argv[1:]
    path = next(path for path in HOT_PATHS if path.name == name)
    callgrind = Callgrind()
    with _OPEN[name](Place(Path(folder), redis_url)) as process:
        process(path.warm_up)
        gc.collect()
        gc.freeze()  # as the API does; keeps full collections of start-up objects out of the counts
        callgrind.start()
        process(path.few)
        callgrind.write_counts()
        process(path.many)
        callgrind.write_counts()


if __name__ == "__main__":
    main()
