"""Ways to damage config.json, and what is said of each."""

from __future__ import annotations

from support.attacks import Attack, config_with, file_of, text_replaced

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
