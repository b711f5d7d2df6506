"""``python -m peephole`` is the command ``peephole``."""

from __future__ import annotations

from peephole.cli.app import main

main()
