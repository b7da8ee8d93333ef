"""Runs the cameras in threads. Each camera sends one image at a time, when it is due."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

from captiond.simulator.plan import Plan
from captiond.simulator.report import Report
from captiond.simulator.sending import Protocol, Target, open_sender

MAX_THREADS = 64


def run(
    plan: Plan,
    protocols: Sequence[Protocol],
    target: Target,
    stop: threading.Event,
    progress: Callable[[int], object] = lambda sent: sent,
) -> Report:
    """Send all images, or those until `stop` is set. Cameras use the protocols in turn.

    If the server is too slow for the rate, images are sent late, and the rate of the report is lower.
    """
    report = Report()
    plan.take(0)  # draws the scenes before the first image is due
    threads = min(plan.cameras, MAX_THREADS)
    began = time.perf_counter()

    def run_cameras(first: int) -> None:
        with ExitStack() as opened:
            senders = {
                camera: opened.enter_context(closing(open_sender(protocols[camera % len(protocols)], target)))
                for camera in range(first, plan.cameras, threads)
            }
            turns = range(0, plan.count, plan.cameras)
            for number in (turn + camera for turn in turns for camera in senders if turn + camera < plan.count):
                shot = plan.take(number)
                if stop.wait(max(0.0, began + plan.due_seconds(number) - time.perf_counter())):
                    return
                start = time.perf_counter()
                reply = senders[shot.camera_number].send(shot)
                protocol = protocols[shot.camera_number % len(protocols)]
                report.add(protocol, reply, time.perf_counter() - start)
                progress(report.sent)

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(run_cameras, first) for first in range(threads)]:
            done.result()
    report.seconds = time.perf_counter() - began
    return report
