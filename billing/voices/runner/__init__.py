"""Runs the voice pipeline as a child process and believes nothing that it says without looking. Knows no Django."""

from billing.voices.runner.child import Limits, Outcome, follow
from billing.voices.runner.lines import Event

__all__ = ["Event", "Limits", "Outcome", "follow"]
