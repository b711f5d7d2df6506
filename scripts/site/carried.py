"""Files of the repository outside `docs/` that pages link to: the site carries them, so that no link leads out of it.

A Python script or module becomes a page with its source, a Markdown file a page, and anything else lies there as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = "repository"
FENCE = re.compile(r"^( *)(```+).*?^\1\2[ ]*$", flags=re.M | re.S)
LINK = re.compile(r"(\]\()(?!https?:|mailto:|#)([^)#\s]+)")
LANGUAGES = {".py": "python", ".cpp": "cpp", ".h": "cpp", ".toml": "toml", "": "bash"}


class Carried:
    """The files that the site carries.

    Args:
        root: the repository.
        docs: the folder of the pages in it.
    """

    def __init__(self, root: Path, docs: Path) -> None:
        self.root, self.docs = root, docs

    def files(self, config: Any) -> Iterator[Any]:
        """Yield MkDocs' files for all that is linked to, from pages and from what is carried itself."""
        from mkdocs.structure.files import File, InclusionLevel

        seen: set[Path] = set()
        waiting = sorted(self.docs.rglob("*.md"))
        while waiting:
            page = waiting.pop()
            for target in self._targets(page):
                if target in seen or self.docs in target.parents or target == self.root / "README.md":
                    continue
                seen.add(target)
                if target.suffix == ".md":
                    waiting.append(target)
                uri = self._uri(target)
                content = self._content(target)
                if content is None:
                    file = File.generated(config, uri, abs_src_path=str(target))
                else:
                    file = File.generated(config, uri, content=content)
                file.inclusion = InclusionLevel.NOT_IN_NAV
                yield file

    def rewrite(self, markdown: str, uri: str) -> str:
        """Return a page whose links lead to what is carried.

        Args:
            markdown: the page.
            uri: where the page is in the site's sources, such as `how-to/serve.md`.
        """
        source = self._source(uri)
        outside = self.docs not in source.parents

        def replaced(match: re.Match[str]) -> str:
            target = (source.parent / match[2]).resolve()
            if not outside and (target == self.docs or self.docs in target.parents):
                return match[0]
            return match[1] + os.path.relpath(self._uri(target), Path(uri).parent).replace(os.sep, "/")

        pieces: list[str] = []
        end = 0
        for block in FENCE.finditer(markdown):
            pieces += [LINK.sub(replaced, markdown[end : block.start()]), block[0]]
            end = block.end()
        return "".join([*pieces, LINK.sub(replaced, markdown[end:])])

    def _targets(self, page: Path) -> list[Path]:
        text = FENCE.sub("", page.read_text("utf-8"))
        found = [(page.parent / match[2]).resolve() for match in LINK.finditer(text)]
        return [target for target in found if target.is_file()]

    def _uri(self, target: Path) -> str:
        if target == self.root / "README.md":
            return "index.md"
        if self.docs in target.parents:
            return target.relative_to(self.docs).as_posix()
        uri = f"{FOLDER}/{target.relative_to(self.root).as_posix()}"
        return f"{uri}.md" if target.suffix in LANGUAGES else uri

    def _source(self, uri: str) -> Path:
        if not uri.startswith(f"{FOLDER}/"):
            return self.docs / uri
        own = self.root / uri.removeprefix(f"{FOLDER}/")
        return own if own.is_file() else own.with_suffix("")

    def _content(self, target: Path) -> str | None:
        """The page of a file, or nothing where it lies there as it is."""
        if target.suffix == ".md":
            return target.read_text("utf-8")
        if target.suffix not in LANGUAGES:
            return None
        name, text = target.relative_to(self.root).as_posix(), target.read_text("utf-8").rstrip("\n")
        return f"# {name}\n\n```{LANGUAGES[target.suffix]}\n{text}\n```\n"
