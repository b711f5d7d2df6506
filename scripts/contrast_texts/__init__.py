"""Texts that teach how words combine: negation, contrast, change and the like, in minimal pairs; see `compose`."""

from .compose import contrast_texts

__all__ = ["contrast_texts"]
