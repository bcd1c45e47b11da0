"""What a run would ask, reuse and buy, said before anything is bought."""

from .command import plan

__all__ = ["plan"]
