"""Goes along one hot path under callgrind, which `measure.py` starts: python -m benchmarks.guard.probe PATH FOLDER URL.

Imports no NumPy and makes no inputs: everything here is slow.
"""

import gc
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.guard.callgrind import Callgrind
from benchmarks.guard.hot_paths import ARCHIVER, CAPTION, CAPTION_OWN_TABLES, CAPTIONER, HOT_PATHS, UPLOAD, Place
from benchmarks.guard.paths.archiver import open_archiver
from benchmarks.guard.paths.caption import open_captions
from benchmarks.guard.paths.captioner import open_captioner
from benchmarks.guard.paths.upload import open_upload_route

# Opened, each is a function that takes so many images along.
_Open = Callable[[Place], AbstractContextManager[Callable[[int], None]]]
_OPEN: dict[str, _Open] = {
    CAPTION.name: open_captions,
    CAPTION_OWN_TABLES.name: open_captions,
    UPLOAD.name: open_upload_route,
    CAPTIONER.name: open_captioner,
    ARCHIVER.name: open_archiver,
}


def main() -> None:
    """Two runs are counted, one after the other; each into a file of its own."""
    name, folder, redis_url = sys.argv[1:]
    path = next(path for path in HOT_PATHS if path.name == name)
    callgrind = Callgrind()
    with _OPEN[name](Place(Path(folder), redis_url)) as take_along:
        take_along(path.warm_up)
        gc.collect()
        gc.freeze()  # what start-up made would weigh on whichever run a full collection falls into
        callgrind.start()
        take_along(path.few)
        callgrind.write_down()
        take_along(path.many)
        callgrind.write_down()


if __name__ == "__main__":
    main()
