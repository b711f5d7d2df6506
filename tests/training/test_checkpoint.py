"""Checkpoints: whole or not there, checked when read, and never a stranger's folder removed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
import safetensors.torch
import torch

from peephole.errors import ModelError
from peephole.training import checkpoint as module
from peephole.training.checkpoint import (
    checkpoint_folder,
    has_checkpoint,
    load_checkpoint,
    remove_checkpoints,
    save_checkpoint,
)
from peephole.training.learner import Learner
from peephole.training.machine import Machine
from peephole.training.network import make_config, make_network
from peephole.training.state import Pass, State

STATE = State(
    epoch=1,
    batch=7,
    step=27,
    loss_sum=0.1 + 0.2,
    tokens=12_345,
    seconds=1 / 3,
    best_epoch=1,
    history=[Pass(1, 20, 0.7, 0.6, 0.75, 0.7, 1.5)],
)
TENSORS = {"weights/a": torch.arange(6.0).view(2, 3), "steps/a": torch.tensor(27.0)}
RUN = {"recipe": {"seed": 1}, "data": "abc"}


def save(folder: Path, step: int = 27) -> Path:
    return save_checkpoint(folder, State(**{**vars_of(STATE), "step": step}), RUN, '{"tokens": "ö"}', TENSORS)


def vars_of(state: State) -> dict:
    return {name: getattr(state, name) for name in State.__slots__}


def test_round_trip_keeps_every_bit(tmp_path: Path) -> None:
    save(tmp_path / "run.checkpoint")
    checkpoint = load_checkpoint(tmp_path / "run.checkpoint", State)
    assert checkpoint.state == STATE
    assert (checkpoint.state.loss_sum, checkpoint.state.seconds) == (0.1 + 0.2, 1 / 3)
    assert checkpoint.run == RUN
    assert checkpoint.tokenizer == '{"tokens": "ö"}'
    assert set(checkpoint.tensors) == set(TENSORS)
    for name, tensor in TENSORS.items():
        assert torch.equal(checkpoint.tensors[name], tensor)


def test_nothing_is_pickled(tmp_path: Path) -> None:
    path = save(tmp_path)
    assert sorted(file.name for file in path.iterdir()) == [
        "state.json",
        "tensors.safetensors",
        "tokenizer.json",
    ]


def test_where_there_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "absent", State) is None
    assert load_checkpoint(tmp_path, State) is None
    assert not has_checkpoint(tmp_path)
    assert checkpoint_folder(tmp_path / "model") == tmp_path / "model.checkpoint"


def test_the_newest_one_counts_and_the_older_one_goes(tmp_path: Path) -> None:
    first, second = save(tmp_path, 1), save(tmp_path, 2)
    assert not first.exists()
    assert load_checkpoint(tmp_path, State).state.step == 2
    assert [path.name for path in tmp_path.iterdir()] == [second.name]


class Killed(Exception):
    pass


@pytest.mark.parametrize("moment", range(12))
def test_killed_at_any_call_to_the_system_a_whole_checkpoint_is_left(tmp_path, monkeypatch, moment) -> None:
    """Every call that changes the disk is a moment to be killed at: before it, and after it."""
    save(tmp_path, 1)
    calls = 0

    def counted(function):
        def call(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls == moment + 1:
                raise Killed
            return function(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_synced", counted(module.write_synced))
        patch.setattr(module, "sync_folder", counted(module.sync_folder))
        patch.setattr(Path, "mkdir", counted(Path.mkdir))
        patch.setattr(Path, "rename", counted(Path.rename))
        patch.setattr(module.shutil, "rmtree", counted(module.shutil.rmtree))
        try:
            save(tmp_path, 2)
            assert calls <= moment
        except Killed:
            pass
    step = load_checkpoint(tmp_path, State).state.step
    assert step == (1 if moment < 7 else 2)  # the seventh call renames
    save(tmp_path, 3)  # and what was left lying about does no harm
    assert load_checkpoint(tmp_path, State).state.step == 3
    assert len(list(tmp_path.iterdir())) == 1


def test_a_removed_checkpoint_that_was_not_removed_to_the_end_is_none(tmp_path, monkeypatch) -> None:
    path = save(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(module.shutil, "rmtree", lambda path: (path / "state.json").unlink(missing_ok=True))
        remove_checkpoints(tmp_path)
    assert not path.exists()
    assert load_checkpoint(tmp_path, State) is None
    remove_checkpoints(tmp_path)
    assert not tmp_path.exists()


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "checkpoint-final").mkdir()
    save(tmp_path)
    save(tmp_path)
    remove_checkpoints(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-final", "notes.txt"]


def damage(path: Path, change) -> None:
    header = json.loads((path / "state.json").read_text())
    change(header)
    (path / "state.json").write_text(json.dumps(header))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h.update(format="another"), "state.json: must have format 'peephole training checkpoint'"),
        (lambda h: h.update(version=2), "state.json: version must be 1; got 2"),
        (lambda h: h.pop("run"), "state.json: run must be of type dict; got None"),
        (lambda h: h.update(tensors_sha256=5), "state.json: tensors_sha256 must be of type str; got 5"),
        (lambda h: h.update(state=[]), r"state.json: state must be of type dict; got \[\]"),
        (lambda h: h["state"].pop("step"), "state.json: state: must have the fields"),
        (lambda h: h["state"].update(extra=1), "state.json: state: must have the fields"),
        (lambda h: h["state"].update(step="9"), r"state.step: must be a number \(int\), at least 0; got '9'"),
        (
            lambda h: h["state"].update(step=True),
            r"state.step: must be a number \(int\), at least 0; got True",
        ),
        (lambda h: h["state"].update(step=1.5), r"state.step: must be a number \(int\), at least 0; got 1.5"),
        (lambda h: h["state"].update(batch=-1), r"state.batch: must be a number \(int\), at least 0; got -1"),
        (
            lambda h: h["state"].update(seconds=float("nan")),
            "state.json: must hold finite numbers only; got NaN",
        ),
        (lambda h: h["state"].update(history=3), "state.history: must be a list; got 3"),
        (lambda h: h["state"].update(history=[3]), r"state.history\[0\]: must have the fields"),
        (
            lambda h: h["state"]["history"][0].update(accuracy=None),
            r"state.history\[0\].accuracy: must be a number",
        ),
        (
            lambda h: h["state"].update(best_epoch=2),
            "state.best_epoch: must be one of the 1 finished passes; got 2",
        ),
    ],
)
def test_a_damaged_state_names_the_file_and_the_field(tmp_path, change, message) -> None:
    path = save(tmp_path)
    damage(path, change)
    with pytest.raises(ModelError, match=message) as caught:
        load_checkpoint(tmp_path, State)
    assert str(path / "state.json") in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1]", b"nonsense", b"[" * 5_000])
def test_a_state_that_is_no_json_object(tmp_path, content) -> None:
    path = save(tmp_path)
    (path / "state.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"state\.json: must (be|have|not)"):
        load_checkpoint(tmp_path, State)


@pytest.mark.parametrize("name", ["tensors.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("kept", [0, 5, -1])
def test_a_file_that_is_cut_short(tmp_path, name, kept) -> None:
    path = save(tmp_path)
    content = (path / name).read_bytes()
    (path / name).write_bytes(content[:kept])
    with pytest.raises(ModelError, match=f"{name}: is not the file that was written.*\nhint: to start again"):
        load_checkpoint(tmp_path, State)


def test_one_flipped_bit(tmp_path: Path) -> None:
    path = save(tmp_path)
    content = bytearray((path / "tensors.safetensors").read_bytes())
    content[-3] ^= 1
    (path / "tensors.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="is not the file that was written"):
        load_checkpoint(tmp_path, State)


@pytest.mark.parametrize("name", ["state.json", "tensors.safetensors", "tokenizer.json"])
def test_a_file_that_is_missing(tmp_path, name) -> None:
    path = save(tmp_path)
    (path / name).unlink()
    with pytest.raises(ModelError, match=f"{name}: cannot be read; No such file"):
        load_checkpoint(tmp_path, State)


def test_a_foreign_file_with_a_digest_to_match(tmp_path: Path) -> None:
    path = save(tmp_path)
    content = b"\x80\x04pickle?"
    (path / "tensors.safetensors").write_bytes(content)
    damage(path, lambda header: header.update(tensors_sha256=hashlib.sha256(content).hexdigest()))
    with pytest.raises(ModelError, match=r"tensors\.safetensors: not a safetensors file"):
        load_checkpoint(tmp_path, State)


def test_the_files_reach_the_disk_before_the_name(tmp_path, monkeypatch) -> None:
    order: list[str] = []
    real_sync, real_rename = os.fsync, Path.rename
    monkeypatch.setattr(os, "fsync", lambda descriptor: (order.append("sync"), real_sync(descriptor)))
    monkeypatch.setattr(
        Path, "rename", lambda self, target: (order.append("rename"), real_rename(self, target))
    )
    save(tmp_path)
    assert order == ["sync"] * 4 + ["rename", "sync"]  # three files and their folder; the name; its folder


def test_tensors_are_written_as_they_are(tmp_path: Path) -> None:
    transposed = torch.arange(6.0).view(2, 3).T  # not contiguous
    path = save_checkpoint(tmp_path, STATE, RUN, "{}", {"weights/a": transposed})
    assert torch.equal(safetensors.torch.load_file(path / "tensors.safetensors")["weights/a"], transposed)


def test_tensors_of_another_network_are_all_named(tiny) -> None:
    learner = Learner(make_network(make_config(tiny, 300, ("a", "b")), tiny), tiny, Machine(), State())
    before = {name: tensor.clone() for name, tensor in learner.parameters.items()}
    tensors = {name: tensor.detach().clone() for name, tensor in learner.tensors().items()}
    del tensors["average/hidden.weight"]
    tensors["weights/extra"] = torch.zeros(1)
    tensors["moment1/output.bias"] = torch.zeros(3)
    tensors["best/output.bias"] = torch.ones(2, dtype=torch.float64)
    with pytest.raises(ModelError) as caught:
        learner.restore(STATE, tensors, where="some/tensors.safetensors")
    assert str(caught.value).splitlines() == [
        "some/tensors.safetensors: does not fit this network",
        "  average/hidden.weight: missing",
        "  weights/extra: unknown",
        "  best/output.bias: must be [2] torch.float32; got [2] torch.float64",
        "  moment1/output.bias: must be [2] torch.float32; got [3] torch.float32",
    ]
    assert all(torch.equal(tensor, before[name]) for name, tensor in learner.parameters.items())
