"""Sealed pairs to a data set: screened, deduplicated, exported with a card; and the control arms."""

from .command import curate

__all__ = ["curate"]
