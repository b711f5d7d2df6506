"""What a job has done, on the disk: so that a job that was stopped goes on, and one that is done stays so.

While it runs, ``_job`` in the folder of parts holds the job's identity, a receipt for each part that is whole, and what could
not be scored of it. A part without a receipt does not count. At the end the receipts become one manifest, and ``_job`` goes.
Names with ``_`` in front are passed over by whoever reads the folder as a data set.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from typing import Any, BinaryIO

from peephole.errors import OptionError
from peephole.files import as_json
from peephole.scoring.identity import check_same
from peephole.scoring.storage import Store, join, store_of
from peephole.scoring.task import Receipt, Setup, part_name
from peephole.scoring.worker import JOB
from peephole.scoring.writers import csv_header

MANIFEST, REJECTED, PARTS = "_manifest.json", "_rejected.jsonl", ".parts"
_BEGUN, _LOCK = "job.json", "lock"


def folder_of(output: str, kind: str) -> str:
    """Return where a job's parts go: the output itself for Parquet, a folder beside the file for others."""
    output = output.rstrip("/")
    return output if kind == "parquet" else output + PARTS


def part_rows_before(folder: str) -> int | None:
    """Return how many rows a part has in the job that a folder holds, begun or done; None: it holds none."""
    store = store_of(folder)
    for name, key in ((join(JOB, _BEGUN), None), (MANIFEST, "job")):
        if store.stat(join(folder, name)) is not None:
            try:
                found = json.loads(store.read(join(folder, name)))
                return int((found if key is None else found[key])["options"]["part_rows"])
            except (ValueError, KeyError, TypeError):
                return None  # `Ledger` will say what is wrong with it
    return None


class Ledger:
    """The record of one job.

    Args:
        output: as it was given.
        setup: of the job.
        identity: as `identity_of` has it.
        restart: whether what another job left is removed.

    Attributes:
        receipts: part → its receipt, of earlier sessions and of this one.
        finished: what the manifest says, where the job was done already; else None.

    Raises:
        OptionError: the output holds something else, another job's answers, or is written by another process.
    """

    def __init__(self, output: str, setup: Setup, identity: Mapping[str, Any], *, restart: bool) -> None:
        self.output, self.setup = output.rstrip("/"), setup
        self.receipts: dict[int, Receipt] = {}
        self.finished: dict[str, Any] | None = None
        self._store: Store = store_of(setup.folder)
        self._identity = identity
        self._notes = join(setup.folder, JOB)
        self._lock: BinaryIO | None = None
        try:
            self._begin(restart)
        except BaseException:
            self.close()
            raise

    def add(self, receipt: Receipt) -> None:
        """Take a receipt; the worker has written it to the disk."""
        self.receipts[receipt.part] = receipt

    def close(self) -> None:
        """Let other processes have the output."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Join what belongs together, write the manifest, and remove what only served to go on."""
        folder, kind = self.setup.folder, self.setup.kind
        parts = [self.receipts[part] for part in sorted(self.receipts)]
        self._join_rejects(parts)
        if kind != "parquet":
            self._join_parts(parts)
        document = {
            "job": self._identity,
            "summary": summary,
            "parts": [receipt.__dict__ for receipt in parts],
        }
        with self._store.writing(join(folder, MANIFEST)) as file:
            file.write(as_json(document).encode())
        if kind != "parquet":
            for receipt in parts:
                self._store.remove(join(folder, part_name(receipt.part, kind)))
        self.close()
        self._store.remove(self._notes)

    def _begin(self, restart: bool) -> None:
        store, folder = self._store, self.setup.folder
        names = store.names(folder)
        ours = JOB in names or MANIFEST in names
        final = self.output if self.setup.kind != "parquet" else None
        if names and not ours:
            raise OptionError(
                f"predict: {folder} must be new, or a folder of answers; got a folder with {names[0]!r} in it",
                hint="give another --output",
            )
        if not names and store.stat(folder) is not None and not store.is_folder(folder):
            raise OptionError(
                f"predict: {folder} becomes a folder of Parquet files; got a file of that name",
                hint="remove it, or give another --output",
            )
        if final is not None and not ours and store.stat(final) is not None and not restart:
            raise OptionError(
                f"predict: {final} must be new; got a file that this job has not written",
                hint="give another --output; or --restart, which replaces it",
            )
        self._lock = store.lock(join(self._notes, _LOCK))
        if self._lock is None:
            raise OptionError(
                f"predict: {folder} is being written by another process", hint="wait until it ends"
            )
        if MANIFEST in names and not restart:
            found = self._read(join(folder, MANIFEST))
            check_same(self.output, found["job"], self._identity)
            if self._whole(found, final):
                self.finished = found["summary"]
                store.remove(self._notes)  # the last job was stopped between its last two steps
                return
        if JOB in names and not restart:
            self._resume()
            return
        for name in names:
            if name != JOB:
                store.remove(join(folder, name))
        for name in store.names(self._notes):
            if name != _LOCK:
                store.remove(join(self._notes, name))
        with store.writing(join(self._notes, _BEGUN)) as file:
            file.write(as_json(self._identity).encode())

    def _whole(self, found: Mapping[str, Any], final: str | None) -> bool:
        """Return whether what a manifest lists is still there; where parts are gone, their receipts are too."""
        if final is not None:
            return self._store.stat(final) is not None
        receipts = [_receipt(part) for part in found["parts"]]
        lost = [receipt for receipt in receipts if not self._there(receipt)]
        if not lost:
            return True
        raise OptionError(
            f"predict: {self.output} is done, but {len(lost)} of its parts are gone or changed, the first "
            f"{part_name(lost[0].part, self.setup.kind)}",
            hint="--restart begins again",
        )

    def _resume(self) -> None:
        names = self._store.names(self._notes)
        if _BEGUN in names:
            check_same(self.output, self._read(join(self._notes, _BEGUN)), self._identity)
        else:
            with self._store.writing(join(self._notes, _BEGUN)) as file:
                file.write(as_json(self._identity).encode())
        for name in names:
            if name.startswith("part-") and name.endswith(".json"):
                receipt = _receipt(self._read(join(self._notes, name)))
                if self._there(receipt):
                    self.receipts[receipt.part] = receipt
        left = [name for name in self._store.names(self.setup.folder) if name.endswith(".tmp")]
        for name in left:  # of a worker that was killed while it wrote
            self._store.remove(join(self.setup.folder, name))

    def _there(self, receipt: Receipt) -> bool:
        stat = self._store.stat(join(self.setup.folder, part_name(receipt.part, self.setup.kind)))
        return not receipt.octets or (stat is not None and stat.size == receipt.octets)

    def _read(self, path: str) -> dict[str, Any]:
        try:
            return json.loads(self._store.read(path))
        except ValueError as error:
            raise OptionError(
                f"predict: {path} is damaged: {error}", hint="--restart begins again"
            ) from error

    def _join_rejects(self, parts: list[Receipt]) -> None:
        bad = [receipt for receipt in parts if receipt.rejected]
        target = join(self.setup.folder, REJECTED)
        if not bad:
            self._store.remove(target)
            return
        with self._store.writing(target) as file:
            for receipt in bad:
                with self._store.open(join(self._notes, f"part-{receipt.part:06d}.rejected.jsonl")) as part:
                    shutil.copyfileobj(part, file)

    def _join_parts(self, parts: list[Receipt]) -> None:
        with self._store.writing(self.output) as file:
            if self.setup.kind == "csv":
                file.write(csv_header([*self.setup.columns, *self.setup.answers.names]))
            for receipt in parts:
                if receipt.octets:
                    path = join(self.setup.folder, part_name(receipt.part, self.setup.kind))
                    with self._store.open(path) as part:
                        shutil.copyfileobj(part, file, 1 << 20)


def _receipt(document: dict[str, Any]) -> Receipt:
    receipt = Receipt(**document)
    return dataclasses.replace(receipt, unkept=tuple(receipt.unkept))  # JSON has no tuples
