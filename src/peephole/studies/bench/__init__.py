"""Timing recurrent layers: ours and the rivals, in turn in one process, each checked before it is timed."""
