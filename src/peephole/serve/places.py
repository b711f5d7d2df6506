"""`Places`: how much may wait or run at once, and who has taken how much of it."""

from __future__ import annotations


class Places:
    """A bounded number of places. Used by one thread, that of the event loop.

    Args:
        most: how many there are, at least 1.

    Example:
        >>> places = Places(3)
        >>> claim = places.take()
        >>> claim.grow(5), places.take() is None, places.taken
        (True, True, 5)
        >>> claim.release()
        >>> places.taken
        0
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0

    @property
    def full(self) -> bool:
        """Whether none is left."""
        return self.taken >= self.most

    def take(self) -> Claim | None:
        """Take one place; None where none is left."""
        if self.full:
            return None
        self.taken += 1
        return Claim(self)


class Claim:
    """Places that somebody has taken, at first one; to be released once, whatever happens."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self.count = 1

    def grow(self, count: int) -> bool:
        """Make it `count` places, at least as many as it is, and return whether it could; else it stays as it is.

        It can while others have not taken all places, so that a large request needs no empty queue: no more than one such
        request is ever above the number.
        """
        if count > self.count and self._places.taken - self.count >= self._places.most:
            return False
        self._places.taken += count - self.count
        self.count = count
        return True

    def release(self) -> None:
        """Give all places back; a second time does nothing."""
        self._places.taken -= self.count
        self.count = 0
