"""Simulated cameras: realistic frames and texts, sent in every protocol at a given rate."""

from captiond.simulator.plan import Plan
from captiond.simulator.report import Report, Result
from captiond.simulator.run import run
from captiond.simulator.sending import Protocol, Target

__all__ = ["Plan", "Protocol", "Report", "Result", "Target", "run"]
