"""The tokenizers library's threads and forked processes."""

from __future__ import annotations

import functools
import os


@functools.cache
def stay_quiet_in_forks() -> None:
    """Let forked children encode on one thread: the library's threads do not live on in them.

    Older versions of the library print a warning for every fork after the first batch unless its variable is set; so it is set
    while forking, stays in the child, and goes in the parent. What a user has set is left alone.
    """
    variable = "TOKENIZERS_PARALLELISM"
    ours = False

    def before() -> None:
        nonlocal ours
        ours = variable not in os.environ
        if ours:
            os.environ[variable] = "false"

    def after() -> None:
        if ours:
            os.environ.pop(variable, None)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before, after_in_parent=after)
