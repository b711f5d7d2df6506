"""Model folders that are damaged or hostile: each is refused, with the file and the field, in little memory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peephole.classifier import load
from peephole.errors import ModelError
from support.attacks import (
    Attack,
    config_with,
    file_of,
    memory_of_refusing,
    needs_proc,
    text_replaced,
    tokenizer_with,
    with_header,
    with_tensors,
)
from support.small_models import small_classifier


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_classifier().save(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture
def model(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "model"))


STAGE = "config.json, stages[3]"
CONFIG_ATTACKS: dict[str, tuple[Attack, list[str]]] = {
    "empty": (file_of("config.json", b""), ["config.json: must be JSON"]),
    "not JSON": (
        file_of("config.json", b'{"format": 1,'),
        ["config.json: must be JSON; got ", "line 1, column 14"],
    ),
    "not UTF-8": (
        file_of("config.json", b'{"format": "\xff"}'),
        ["config.json: must be UTF-8; got byte 0xff at 12"],
    ),
    "a list": (file_of("config.json", b"[]"), ["config.json: must be a JSON object; got []"]),
    "a field twice": (
        text_replaced("config.json", '"temperature"', '"format": 1, "temperature"'),
        ["config.json: must not hold a field twice; got 'format' twice"],
    ),
    "huge": (
        file_of("config.json", b'{"a": "' + b"x" * 3_000_000 + b'"}'),
        ["config.json: must be at most 1,048,576 bytes; got 3,000,009"],
    ),
    "a million lists": (
        file_of("config.json", b"[" + b"[]," * 349_000 + b"[]]"),
        ["config.json: must be a JSON object"],
    ),
    "nested deeply": (
        file_of("config.json", b"[" * 500_000),
        ["config.json: must not be nested deeper than 32"],
    ),
    "nested quite deeply": (
        file_of("config.json", b'{"metrics": ' + b"[" * 40 + b"]" * 40 + b"}"),
        ["config.json: must not be nested deeper than 32"],
    ),
    "a number of a million digits": (
        file_of("config.json", b'{"format": ' + b"9" * 1_000_000 + b"}"),
        ["config.json: must not hold a number of more than 20 digits"],
    ),
    "NaN": (
        text_replaced("config.json", '"temperature": 1.0', '"temperature": NaN'),
        ["must hold finite numbers only; got NaN"],
    ),
    "infinity": (
        text_replaced("config.json", '"temperature": 1.0', '"temperature": 1e999'),
        ["finite numbers only; got 1e999"],
    ),
    "half a character": (config_with(library="\ud800"), ["config.json: must not hold half a surrogate pair"]),
    "escapes for a terminal": (
        config_with(id2label={"0": "bad", "1": "\x1b[2Jgood", "2": "odd"}),
        ["config.json, id2label.1: must be 1 to 256 printable characters; got '\\x1b[2Jgood'"],
    ),
    "older format": (
        config_with(format=0),
        ["config.json, format: must be 1", "got 0", "hint: the model is older"],
    ),
    "newer format": (
        config_with(format=7),
        ["got 7", "hint: the model is newer", "pip install --upgrade peephole"],
    ),
    "no format": (config_with(format=None), ["config.json, format: must be 1", "got None"]),
    "missing fields": (
        config_with(stages=None, id2label=None),
        ["stages: is missing", "id2label: is missing"],
    ),
    "unknown field": (
        config_with(temprature=2.0, weights_file="/etc/passwd"),
        [
            "temprature: is no field of a config (did you mean 'temperature'?)",
            "weights_file: is no field of a config",
        ],
    ),
    "unknown stage": (
        config_with(stages={3: {"kind": "recurent"}}),
        [f"{STAGE}.kind: must be one of 'embedding'", "got 'recurent' (did you mean 'recurrent'?)"],
    ),
    "a stage of another type": (
        config_with(stages=[1]),
        ["config.json, stages[0]: must be an object; got 1"],
    ),
    "a kind of another type": (
        config_with(stages={3: {"kind": ["recurrent"]}}),
        [f"{STAGE}.kind: must be one of"],
    ),
    "too many stages": (
        config_with(stages=[{}] * 65),
        ["config.json, stages: must be a list of 1 to 64 stages; got 65"],
    ),
    "unknown cell": (
        config_with(stages={3: {"cell": "lstn"}}),
        [f"{STAGE}.cell: must be one of", "(did you mean 'lstm'?)"],
    ),
    "a cell of another type": (
        config_with(stages={3: {"cell": {}}}),
        [f"{STAGE}.cell: must be one of 'rnn'", "got {}"],
    ),
    "an option of another cell": (
        config_with(stages={3: {"cell_options": {"reset": "after"}}}),
        [f"{STAGE}.cell_options: the cell 'lstm' has no option 'reset'"],
    ),
    "options of another type": (
        config_with(stages={3: {"cell_options": [1]}}),
        [f"{STAGE}.cell_options: must map option names"],
    ),
    "negative size": (
        config_with(stages={3: {"hidden_size": -5}}),
        [f"{STAGE}.hidden_size: must be a whole number from 1 to 16,384; got -5"],
    ),
    "a size that is no number": (
        config_with(stages={3: {"hidden_size": "5"}}),
        ["hidden_size: must be a whole number", "got '5'"],
    ),
    "a size that is true": (
        config_with(stages={3: {"hidden_size": True}}),
        ["hidden_size: must be a whole number", "got True"],
    ),
    "sizes that exhaust the memory": (
        config_with(stages={0: {"vocabulary": 10**9}, 3: {"hidden_size": 10**6, "num_layers": 10**6}}),
        [
            "config.json: 3 problems",
            "config.json, stages[0].vocabulary: must be a whole number from 3 to 100,000; got 1000000000",
            f"{STAGE}.hidden_size: must be a whole number from 1 to 16,384; got 1000000",
            f"{STAGE}.num_layers: must be a whole number from 1 to 16; got 1000000",
        ],
    ),
    "the largest sizes all at once": (
        config_with(
            stages={
                0: {"vocabulary": 100_000, "dimension": 16_384},
                3: {"hidden_size": 16_384, "num_layers": 16},
            }
        ),
        ["config.json, stages: must have at most 268,435,456 parameters in all; got "],
    ),
    "labels out of order": (
        config_with(id2label={"0": "a", "2": "b", "3": "c"}),
        ["id2label: must number the labels from 0 to 2; got the number '3'"],
    ),
    "labels that are a list": (
        config_with(id2label=["a", "b"]),
        ["config.json, id2label: must be an object"],
    ),
    "a label that is a number": (
        config_with(id2label={"0": "a", "1": 5, "2": "c"}),
        ["id2label.1: must be 1 to 256 printable characters; got 5"],
    ),
    "fewer labels than outputs": (
        config_with(id2label={"0": "a", "1": "b"}),
        ["stages[8].features: must be the number of labels, 2; got 3"],
    ),
    "preprocessing of another type": (
        config_with(preprocessing=[]),
        ["config.json, preprocessing: must be an object; got []"],
    ),
    "another tokenizer's preprocessing": (
        config_with(preprocessing={"tokenizer": "word", "lowercase": False}),
        [
            "preprocessing.tokenizer: config says 'word', the tokenizer 'bpe'",
            "preprocessing.lowercase: config says False",
        ],
    ),
}


def poke(name: str, value: float) -> Attack:
    def change(tensors: dict[str, Any]) -> None:
        tensors[name] = tensors[name].copy()
        tensors[name].flat[0] = value

    return with_tensors(change)


def cut_file(model: Path) -> None:
    path = model / "model.safetensors"
    os.truncate(path, path.stat().st_size - 100)


def swap_offsets(header: dict[str, Any]) -> None:
    header["output.bias"]["data_offsets"] = header["hidden.bias"]["data_offsets"]


WEIGHTS = "model.safetensors"
WEIGHT_ATTACKS: dict[str, tuple[Attack, list[str]]] = {
    "empty": (
        file_of(WEIGHTS, b""),
        [f"{WEIGHTS}: must begin with 8 bytes, the header's length; got a file of 0 bytes"],
    ),
    "eight bytes": (file_of(WEIGHTS, b"\0" * 8), [f"{WEIGHTS}, header: must be JSON"]),
    "a header of 10⁹ bytes": (
        file_of(WEIGHTS, (10**9).to_bytes(8, "little") + b"{}"),
        [f"{WEIGHTS}: must have a header of at most 1,048,576 bytes", "claims 1,000,000,000 bytes"],
    ),
    "a header of 2⁶⁴ bytes": (
        file_of(WEIGHTS, b"\xff" * 8 + b"{}"),
        ["claims 18,446,744,073,709,551,615 bytes"],
    ),
    "a header of a real megabyte": (
        file_of(WEIGHTS, (2_000_000).to_bytes(8, "little") + b" " * 3_000_000),
        ["claims 2,000,000 bytes"],
    ),
    "a pickle": (file_of(WEIGHTS, b"\x80\x04\x95" + b"\0" * 100), ["must have a header of at most"]),
    "header no JSON": (
        file_of(WEIGHTS, (4).to_bytes(8, "little") + b"{\0\0}"),
        [f"{WEIGHTS}, header: must be JSON"],
    ),
    "header a list": (
        file_of(WEIGHTS, (4).to_bytes(8, "little") + b"[ ] "),
        [f"{WEIGHTS}, header: must be a JSON object; got []"],
    ),
    "header nested deeply": (
        file_of(WEIGHTS, (100_000).to_bytes(8, "little") + b"[" * 100_000),
        [f"{WEIGHTS}, header: must not be nested deeper"],
    ),
    "header of 10⁵ rows": (
        with_header(lambda header: header.update({f"t{n}": {} for n in range(50_000)})),
        ["has a tensor that config.json does not name, 't0'", "… and 49,990 more"],
    ),
    "a tensor twice": (
        file_of(WEIGHTS, (20).to_bytes(8, "little") + b'{"a":{},"a":{}}     '),
        [f"{WEIGHTS}, header: must not hold a field twice; got 'a' twice"],
    ),
    "cut off": (cut_file, [f"{WEIGHTS}: must hold ", "bytes of numbers; got ", "hint: the file is cut off"]),
    "bytes at the end": (
        with_header(lambda header: None, more=b"\0" * 4096),
        [f"{WEIGHTS}: must hold ", " bytes of numbers; got "],
    ),
    "missing and unexpected tensors": (
        with_tensors(lambda tensors: tensors.update({"outptu.bias": tensors.pop("output.bias")})),
        [
            f"{WEIGHTS}: 2 problems",
            f"{WEIGHTS}: has no tensor 'output.bias'",
            f"{WEIGHTS}: has a tensor that config.json does not name, 'outptu.bias'",
        ],
    ),
    "shapes turned": (
        with_tensors(
            lambda tensors: tensors.update(
                {"hidden.weight": np.ascontiguousarray(tensors["hidden.weight"].T)}
            )
        ),
        [f"{WEIGHTS}, hidden.weight: must be [4, 20] by config.json; got [20, 4]"],
    ),
    "a scalar": (
        with_tensors(lambda tensors: tensors.update({"output.bias": np.zeros((), np.float32)})),
        [f"{WEIGHTS}, output.bias: must be [3] by config.json; got []"],
    ),
    "double precision": (
        with_tensors(lambda tensors: tensors.update({"output.bias": np.zeros(3)})),
        [
            f"{WEIGHTS}, output.bias: must be of dtype 'F32', since config.json says storage 'float32'; got 'F64'"
        ],
    ),
    "dtype a list": (
        with_header(lambda header: header["output.bias"].update(dtype=["F32"])),
        [
            f"{WEIGHTS}, output.bias: must be of dtype 'F32', since config.json says storage 'float32'; got ['F32']"
        ],
    ),
    "sizes beyond 64 bits": (
        with_header(lambda header: header["output.bias"].update(shape=[2**63, 2**63])),
        [f"{WEIGHTS}, output.bias: must have whole numbers as shape and data_offsets"],
    ),
    "negative sizes": (
        with_header(lambda header: header["output.bias"].update(shape=[-3])),
        [f"{WEIGHTS}, output.bias: must have whole numbers as shape and data_offsets"],
    ),
    "two tensors in one place": (
        with_header(swap_offsets),
        [": must lie right after the tensor before it, at byte "],
    ),
    "offsets beyond the file": (
        with_header(lambda header: header["output.bias"].update(data_offsets=[10**12, 10**12 + 12])),
        [f"{WEIGHTS}, output.bias: must lie right after", "got 1,000,000,000,000 to 1,000,000,000,012"],
    ),
    "fields missing": (
        with_header(lambda header: header.update({"output.bias": {"dtype": "F32"}})),
        [f"{WEIGHTS}, output.bias: must have dtype, shape and data_offsets"],
    ),
    "NaN": (
        poke("recurrent.weight_hh_l0", np.nan),
        [f"{WEIGHTS}, recurrent.weight_hh_l0: must be finite; got 1 of 100 numbers NaN or infinite"],
    ),
    "infinity": (
        poke("embedding.weight", -np.inf),
        [f"{WEIGHTS}, embedding.weight: must be finite; got 1 of "],
    ),
}


def another_size(content: dict[str, Any]) -> None:
    content["model"]["vocab"]["zzzz"] = len(content["model"]["vocab"])


def gap(content: dict[str, Any]) -> None:
    vocabulary = content["model"]["vocab"]
    last = max(vocabulary, key=vocabulary.get)
    vocabulary[last] = 10**9


def exchange(one: str, other: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        vocabulary = content["model"]["vocab"]
        vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]

    return change


def rename(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["model"]["vocab"][new] = content["model"]["vocab"].pop(old)

    return change


def normalizers(content: dict[str, Any]) -> list[Any]:
    return content["normalizer"]["normalizers"]


DOUBLE = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
SLOW = {"type": "Replace", "pattern": {"Regex": "(a+)+b"}, "content": ""}
TOKENIZER = "tokenizer.json"
TOKENIZER_ATTACKS: dict[str, tuple[Attack, list[str]]] = {
    "empty": (file_of(TOKENIZER, b""), [f"{TOKENIZER}: must be JSON"]),
    "no model": (file_of(TOKENIZER, b"{}"), [f"{TOKENIZER}: must be an object with a field 'model'"]),
    "a number": (file_of(TOKENIZER, b"5"), [f"{TOKENIZER}: must be an object with a field 'model'; got 5"]),
    "huge": (file_of(TOKENIZER, b" " * 3_000_000), [f"{TOKENIZER}: must be at most ", "got 3,000,000"]),
    "many lists": (
        file_of(TOKENIZER, b"[" + b"[]," * 30_000 + b"[]]"),
        [f"{TOKENIZER}: must have at most ", "brackets"],
    ),
    "many strings": (
        file_of(TOKENIZER, b"[" + b'"",' * 30_000 + b'""]'),
        [f"{TOKENIZER}: must have at most ", "quotation marks"],
    ),
    "many numbers": (
        file_of(TOKENIZER, b"[" + b"1e5," * 20_000 + b"1]"),
        [f"{TOKENIZER}: must have at most ", "commas"],
    ),
    "nested deeply": (file_of(TOKENIZER, b'{"model":' * 2000), [f"{TOKENIZER}: must not be nested deeper"]),
    "another model": (
        tokenizer_with(lambda content: content["model"].update(type="Unigram")),
        [f"{TOKENIZER}, model.type: must be 'BPE' or 'WordLevel'; got 'Unigram'"],
    ),
    "another model's fields": (
        tokenizer_with(lambda content: content["model"].update(type="WordLevel")),
        [f"{TOKENIZER}, model.unk_token: must be what Peephole writes; expected '[UNK]', got None"],
    ),
    "more tokens than config.json": (
        tokenizer_with(another_size),
        [f"{TOKENIZER}, model.vocab: must have as many tokens as config.json says, "],
    ),
    "ids far apart": (tokenizer_with(gap), [f"{TOKENIZER}, model.vocab: must number its tokens from 0 to "]),
    "an id that is a string": (
        tokenizer_with(lambda content: content["model"]["vocab"].update({"a": "5"})),
        [f"{TOKENIZER}, model.vocab: must number its tokens from 0 to "],
    ),
    "special tokens elsewhere": (
        tokenizer_with(exchange("[PAD]", "a")),
        [f"{TOKENIZER}, model.vocab, [PAD]: must have the id 0; got "],
    ),
    "a byte without a token": (
        tokenizer_with(rename("a", "nothing")),
        [f"{TOKENIZER}, model.vocab: must have a token for each of the 256 bytes; got none for 'a'"],
    ),
    "an endless token": (
        tokenizer_with(rename("Ġfilm", "m" * 10_000)),
        ["must have at most 64 characters; got 10,000"],
    ),
    "vocabulary a list": (
        tokenizer_with(lambda content: content["model"].update(vocab=[["a", 1]])),
        [f"{TOKENIZER}, model.vocab: must map each token to its id; got [['a', 1]]"],
    ),
    "merges of unknown tokens": (
        tokenizer_with(lambda content: content["model"]["merges"].append(["zz", "zzz"])),
        [
            f"{TOKENIZER}, model.merges[",
            "]: must be of tokens in the vocabulary, and make one; got ['zz', 'zzz']",
        ],
    ),
    "merges of special tokens": (
        tokenizer_with(lambda content: content["model"]["merges"].append(["[PA", "D]"])),
        ["must be of tokens in the vocabulary, and make one"],
    ),
    "merges of numbers": (
        tokenizer_with(lambda content: content["model"]["merges"].append([1, "a"])),
        ["must be a pair of tokens; got [1, 'a']"],
    ),
    "merges of lists": (
        tokenizer_with(lambda content: content["model"]["merges"].append([["a"], ["b"]])),
        ["must be a pair of tokens; got [['a'], ['b']]"],
    ),
    "merges as text": (
        tokenizer_with(lambda content: content["model"].update(merges="a b")),
        [f"{TOKENIZER}, model.merges: must be a list", "got 'a b'"],
    ),
    "random merges": (
        tokenizer_with(lambda content: content["model"].update(dropout=0.5)),
        [f"{TOKENIZER}, model.dropout: must be what Peephole writes; expected None, got 0.5"],
    ),
    "a normalizer that doubles, forty times": (
        tokenizer_with(lambda content: normalizers(content).extend([DOUBLE] * 40)),
        [
            f"{TOKENIZER}, normalizer: must be what Peephole writes; in 'normalizers': expected ",
            "items, got ",
        ],
    ),
    "a pattern that backtracks": (
        tokenizer_with(lambda content: normalizers(content).__setitem__(34, SLOW)),
        [f"{TOKENIZER}, normalizer: must be what Peephole writes; in 'normalizers': at [34]", "got '(a+)+b'"],
    ),
    "a precompiled normalizer": (
        tokenizer_with(
            lambda content: content.update(normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"})
        ),
        [
            f"{TOKENIZER}, normalizer: must be what Peephole writes; in 'type': expected 'Sequence', got 'Precompiled'"
        ],
    ),
    "another pre-tokenizer": (
        tokenizer_with(lambda content: content.update(pre_tokenizer={"type": "Whitespace"})),
        [f"{TOKENIZER}, pre_tokenizer: must be what Peephole writes"],
    ),
    "a post-processor": (
        tokenizer_with(lambda content: content.update(post_processor={"type": "TemplateProcessing"})),
        [
            f"{TOKENIZER}, post_processor: must be what Peephole writes; expected None, got {{'type': 'TemplateProcessing'}}"
        ],
    ),
    "padding": (
        tokenizer_with(lambda content: content.update(padding={"strategy": {"Fixed": 10**9}})),
        [f"{TOKENIZER}, padding: must be what Peephole writes"],
    ),
    "added tokens": (
        tokenizer_with(lambda content: content.update(added_tokens=[{"id": 0, "content": "good"}])),
        [f"{TOKENIZER}, added_tokens: must be what Peephole writes; expected 0 items, got 1"],
    ),
    "unknown and missing components": (
        tokenizer_with(lambda content: content.update(decodre=content.pop("decoder"))),
        [
            f"{TOKENIZER}, decoder: is missing",
            f"{TOKENIZER}, decodre: is no field of ours (did you mean 'decoder'?)",
        ],
    ),
}


def link_to_itself(name: str) -> Attack:
    def attack(model: Path) -> None:
        (model / name).rename(model.parent / "elsewhere")
        (model / name).symlink_to(model.parent / "elsewhere")

    return attack


def replaced_by(name: str, make: Callable[[Path], object]) -> Attack:
    def attack(model: Path) -> None:
        (model / name).unlink()
        make(model / name)

    return attack


def huge_file(model: Path) -> None:
    os.truncate(model / WEIGHTS, 10**12)  # sparse: takes no space


FOLDER_ATTACKS: dict[str, tuple[Attack, list[str]]] = {
    "linked config": (
        link_to_itself("config.json"),
        ["config.json: must be a file of the folder itself; got a link"],
    ),
    "linked weights": (
        link_to_itself(WEIGHTS),
        [f"{WEIGHTS}: must be a file of the folder itself; got a link", "hint: copy"],
    ),
    "linked tokenizer": (
        link_to_itself(TOKENIZER),
        [f"{TOKENIZER}: must be a file of the folder itself; got a link"],
    ),
    "a link to nowhere": (
        replaced_by(WEIGHTS, lambda path: path.symlink_to("/nowhere/at/all")),
        [f"{WEIGHTS}: must be a file of the folder itself; got a link"],
    ),
    "an endless device": (
        replaced_by(TOKENIZER, lambda path: path.symlink_to("/dev/zero")),
        [f"{TOKENIZER}: must be a file of the folder itself; got a link"],
    ),
    "a pipe": (
        replaced_by(WEIGHTS, os.mkfifo),
        [f"{WEIGHTS}: must be a file of the folder itself; got a device or a pipe"],
    ),
    "a folder": (
        replaced_by("config.json", Path.mkdir),
        ["config.json: must be a file of the folder itself; got a folder"],
    ),
    "missing files": (
        lambda model: ((model / WEIGHTS).unlink(), (model / TOKENIZER).unlink()),
        [f"must hold config.json, {WEIGHTS}, {TOKENIZER}; got no {WEIGHTS}, no {TOKENIZER}"],
    ),
    "a terabyte": (huge_file, [f"{WEIGHTS}: must be at most 1,075,838,976 bytes; got 1,000,000,000,000"]),
}
ATTACKS = {
    f"{where}: {name}": attack
    for where, attacks in (
        ("config", CONFIG_ATTACKS),
        ("weights", WEIGHT_ATTACKS),
        ("tokenizer", TOKENIZER_ATTACKS),
        ("folder", FOLDER_ATTACKS),
    )
    for name, attack in attacks.items()
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_with_file_and_field(model: Path, name: str):
    attack, parts = ATTACKS[name]
    attack(model)
    with pytest.raises(ModelError) as caught:
        load(model)
    text = str(caught.value)
    assert text.startswith(str(model))
    assert len(text) < 4000
    assert text.isprintable() or "\n" in text
    assert "\x1b" not in text
    for part in parts:
        assert part in text


def test_the_sound_model_loads(model: Path):
    assert load(model).labels == ("bad", "good", "odd")


def test_only_the_files_by_their_names_are_opened(model: Path):
    (model / "pytorch_model.bin").write_bytes(b"\x80\x04")
    (model / "code.py").write_text("raise SystemExit")
    (model / "README.md").unlink()
    (model / "README.md").symlink_to("/etc/passwd")
    assert load(model).labels == ("bad", "good", "odd")


def test_no_such_folder(tmp_path: Path):
    with pytest.raises(ModelError, match="nowhere: no such model folder"):
        load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="file: must be a model folder; got a file"):
        load(tmp_path / "file")


@needs_proc
def test_refusing_takes_less_than_100_mb(sound: Path, tmp_path: Path):
    for number, (attack, _) in enumerate(ATTACKS.values()):
        attack(Path(shutil.copytree(sound, tmp_path / str(number) / "model")))
    assert memory_of_refusing(sound, tmp_path) < 100


@needs_proc
def test_a_hostile_tokenizer_of_the_largest_vocabulary_is_refused_in_100_mb(sound: Path, tmp_path: Path):
    """The most that sizes in agreement let through to the parser: weights for 100,000 tokens and a file as large as theirs."""
    model = tmp_path / "largest" / "model"
    shutil.copytree(sound, model)
    vocabulary = 100_000
    config_with(stages={0: {"vocabulary": vocabulary}})(model)
    with_tensors(lambda tensors: tensors.update({"embedding.weight": np.zeros((vocabulary, 6), np.float32)}))(
        model
    )
    entries = b",".join(b'"%s%d":%d' % (b"x" * 70, n, n) for n in range(vocabulary))
    merges = '["😀"],'.encode() + b'["a","b"],' * (
        vocabulary - 1
    )  # one emoji: Python takes four bytes for each character
    (model / TOKENIZER).write_bytes(
        b'{"model":{"type":"BPE","vocab":{' + entries + b'},"merges":[' + merges + b'["a","b"]]}}'
    )
    assert memory_of_refusing(sound, tmp_path) < 100
