"""A Hugging Face Hub of one's own: a small server that speaks as much of its language as models need.

Repositories are dictionaries of files by commit. Uploads go the ways of the real one: small files inside the commit, weights by
the large file storage. What it was asked is kept, so that tests can say what was fetched; and it can lie.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_the_token_of_this_test"


@dataclass
class FakeRepository:
    """Commits by hash, and which of them a branch or tag is."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, files: dict[str, bytes], ref: str = "main", message: str = "") -> str:
        content = {**self.commits.get(self.refs.get(ref, ""), {}), **files}
        seen = [name.encode() + hashlib.sha1(data).digest() for name, data in sorted(content.items())]
        commit = hashlib.sha1(b"|".join([*seen, str(len(self.commits)).encode()])).hexdigest()
        self.commits[commit], self.refs[ref] = content, commit
        self.messages.append(message)
        return commit


@dataclass
class FakeHub:
    """What the server knows and was asked."""

    url: str = ""
    repositories: dict[str, FakeRepository] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    large: dict[str, bytes] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)  # lies about sizes, by file
    endless: set[str] = field(default_factory=set)  # files that never end
    status: int | None = None  # of every answer

    def put(self, repo: str, files: dict[str, bytes], ref: str = "main", **options: Any) -> str:
        found = self.repositories.setdefault(repo, FakeRepository(**options))
        return found.commit(files, ref)

    def fetched(self) -> list[str]:
        """The files that were asked for, in order, each once."""
        return list(
            dict.fromkeys(one.rpartition("/")[2] for one in self.asked if one.startswith("GET file "))
        )


class _Answer(Exception):
    def __init__(self, status: int, body: Any = None, **headers: str) -> None:
        self.status, self.body, self.headers = status, body, headers


def _entry(path: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def _go(self) -> None:
            parts = urlsplit(self.path)
            self.path_parts = [unquote(part) for part in parts.path.strip("/").split("/")]
            self.query = parse_qs(parts.query)
            length = int(self.headers.get("Content-Length") or 0)
            if self.headers.get("Transfer-Encoding") == "chunked":
                self.body = b"".join(self._chunks())
            else:
                self.body = self.rfile.read(length)
            try:
                if hub.status is not None:
                    raise _Answer(hub.status, {"error": "out of order"})
                self._route()
            except _Answer as answer:
                self._answer(answer)

        do_GET = do_POST = do_PUT = do_HEAD = _go

        def _chunks(self) -> Iterator[bytes]:
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

        def _answer(self, answer: _Answer) -> None:
            data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            headers = {
                "Content-Length": str(len(data)),
                **{k.replace("_", "-"): v for k, v in answer.headers.items()},
            }
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def _route(self) -> None:
            match self.path_parts:
                case ["api", "repos", "create"]:
                    self._create(json.loads(self.body))
                case ["api", "validate-yaml"]:
                    raise _Answer(200, {"warnings": [], "errors": []})
                case ["api", "models", owner, name, *rest]:
                    self._api(f"{owner}/{name}", rest)
                case [owner, name, "resolve", ref, *file]:
                    self._file(f"{owner}/{name}", ref, "/".join(file))
                case [owner, name, "info", "lfs", "objects", "batch"]:
                    self._batch(json.loads(self.body))
                case ["lfs", oid]:
                    assert hashlib.sha256(self.body).hexdigest() == oid
                    hub.large[oid] = self.body
                    raise _Answer(200, b"")
                case _:
                    raise _Answer(501, {"error": f"not spoken here: {self.command} {self.path}"})

        def _may(self) -> bool:
            return self.headers.get("Authorization") == f"Bearer {TOKEN}"

        def _found(self, repo: str) -> FakeRepository:
            found = hub.repositories.get(repo)
            if found is None or (found.private and not self._may()):
                raise _Answer(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
            if found.gated and not self._may():
                raise _Answer(403, {"error": "gated"}, X_Error_Code="GatedRepo")
            return found

        def _commit_of(self, found: FakeRepository, ref: str) -> str:
            commit = found.refs.get(ref, ref)
            if commit not in found.commits:
                raise _Answer(404, {"error": "Invalid rev"}, X_Error_Code="RevisionNotFound")
            return commit

        def _needs_token(self) -> None:
            if not self._may():
                raise _Answer(401, {"error": "Invalid username or password."})

        def _create(self, wanted: dict[str, Any]) -> None:
            self._needs_token()
            repo = f"{wanted.get('organization') or 'ada'}/{wanted['name']}"
            hub.asked.append(f"create {repo} {wanted.get('visibility')}")
            if repo in hub.repositories:
                raise _Answer(
                    409, {"error": "You already created this model repo", "url": f"{hub.url}/{repo}"}
                )
            made = hub.repositories[repo] = FakeRepository(private=wanted.get("visibility") == "private")
            made.commit({".gitattributes": b"*.safetensors filter=lfs\n"})
            raise _Answer(200, {"url": f"{hub.url}/{repo}", "name": repo})

        def _api(self, repo: str, rest: list[str]) -> None:
            found = self._found(repo)
            if rest[:1] == ["preupload"]:
                self._needs_token()
                self._commit_of(found, rest[1])
                files = json.loads(self.body)["files"]
                modes = [
                    ("lfs" if f["path"].endswith(".safetensors") else "regular", f["path"]) for f in files
                ]
                raise _Answer(
                    200, {"files": [{"path": p, "uploadMode": m, "shouldIgnore": False} for m, p in modes]}
                )
            if rest[:1] == ["tree"]:
                folder = "".join(f"{part}/" for part in rest[2:])
                files = found.commits[self._commit_of(found, rest[1])]
                raise _Answer(200, [_entry(p, d) for p, d in files.items() if p.startswith(folder)])
            if rest[:1] == ["branch"]:
                self._needs_token()
                if rest[1] in found.refs:
                    raise _Answer(409, {"error": "Reference already exists"})
                found.refs[rest[1]] = found.refs["main"]
                raise _Answer(200, {})
            if rest[:1] == ["commit"]:
                self._needs_token()
                self._commit(repo, found, rest[1])
            ref = rest[1] if rest[:1] == ["revision"] else "main"
            hub.asked.append(f"info {repo} {ref}")
            commit = self._commit_of(found, ref)
            files = found.commits[commit]
            siblings = [
                {"rfilename": name, "size": hub.sizes.get(name, len(data))} for name, data in files.items()
            ]
            raise _Answer(
                200, {"id": repo, "sha": commit, "private": found.private, "siblings": siblings, "tags": []}
            )

        def _commit(self, repo: str, found: FakeRepository, ref: str) -> None:
            lines = [json.loads(line) for line in self.body.splitlines()]
            files = {
                line["value"]["path"]: base64.b64decode(line["value"]["content"])
                if line["key"] == "file"
                else hub.large[line["value"]["oid"]]
                for line in lines
                if line["key"] != "header"
            }
            pull = "create_pr" in self.query
            if pull:
                target = f"refs/pr/{1 + sum(ref.startswith('refs/pr/') for ref in found.refs)}"
                found.refs[target] = found.refs[ref]
            else:
                target = ref
            commit = found.commit(files, target, lines[0]["value"]["summary"])
            answer = {"success": True, "commitOid": commit, "commitUrl": f"{hub.url}/{repo}/commit/{commit}"}
            if pull:
                answer["pullRequestUrl"] = f"{hub.url}/{repo}/discussions/{target.rpartition('/')[2]}"
            raise _Answer(200, answer)

        def _batch(self, wanted: dict[str, Any]) -> None:
            self._needs_token()
            objects = [
                {**each, "actions": {"upload": {"href": f"{hub.url}/lfs/{each['oid']}", "header": {}}}}
                for each in wanted["objects"]
            ]
            raise _Answer(200, {"transfer": "basic", "objects": objects})

        def _file(self, repo: str, ref: str, name: str) -> None:
            found = self._found(repo)
            commit = self._commit_of(found, ref)
            hub.asked.append(f"{self.command} file {repo}/{ref}/{name}")
            data = found.commits[commit].get(name)
            if data is None:
                raise _Answer(
                    404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound", X_Repo_Commit=commit
                )
            tag = f'"{hashlib.sha256(data).hexdigest()}"'
            if name in hub.endless and self.command == "GET":
                self._never_ends(commit, tag)
                return
            wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
            if wanted is not None:
                first, last = int(wanted[1]), min(int(wanted[2]), len(data) - 1)
                span = f"bytes {first}-{last}/{len(data)}"
                raise _Answer(206, data[first : last + 1], ETag=tag, X_Repo_Commit=commit, Content_Range=span)
            raise _Answer(200, data, ETag=tag, X_Repo_Commit=commit)

        def _never_ends(self, commit: str, tag: str) -> None:
            self.send_response(200)
            for header, value in (("ETag", tag), ("X-Repo-Commit", commit), ("Transfer-Encoding", "chunked")):
                self.send_header(header, value)
            self.end_headers()
            self.close_connection = True
            block = b"10000\r\n" + bytes(1 << 16) + b"\r\n"
            try:
                for _ in range(1 << 15):  # two gigabytes are endless enough
                    self.wfile.write(block)
            except OSError:
                hub.asked.append("hung up")

    return Handler


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Run such a server on this machine."""
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
