"""Image files that several threads write."""

import subprocess
import sys
from pathlib import Path

# Stops a thread where it opens a folder to sync it, deletes the folder, and lets another thread create it again.
RACE = """
import shutil, sys, threading
from contextlib import suppress
from pathlib import Path
from captiond.archive.files import ImageFiles

root = Path(sys.argv[1])
folder = root / "2026/03/01/0759"
files = ImageFiles(root)
calls, blocked, created, resume = [], threading.Event(), threading.Event(), threading.Event()

def publish(name):
    path = f"2026/03/01/0759/{name}"
    with suppress(FileNotFoundError), files.write_temporary({path: b"x"}) as temps:
        files.publish(temps, [path])

def observe(event, arguments):
    if event == "os.mkdir" and arguments[0] == str(folder):
        calls.append("create")
        created.set()
    elif event == "open" and arguments[0] == str(folder.parent):
        calls.append("sync parent")
    elif event == "open" and arguments[0] == str(folder) and threading.current_thread().name == "first":
        blocked.set()
        resume.wait()

publish("before.jpg")
sys.addaudithook(observe)
first = threading.Thread(target=publish, args=["first.jpg"], name="first")
second = threading.Thread(target=publish, args=["second.jpg"])
first.start()
blocked.wait()
shutil.rmtree(folder)
second.start()
created.wait(0.5)
resume.set()
first.join()
second.join()
print(*calls, sep=", ")
"""


def test_folder_created_again_during_a_publish_is_synced_into_its_parent(images_dir: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RACE, images_dir], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.rstrip().endswith("create, sync parent")
