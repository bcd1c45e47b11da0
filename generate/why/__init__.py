"""The family tree of a pair, and what became of a seed."""

from .command import why

__all__ = ["why"]
