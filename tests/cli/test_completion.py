"""What a shell is told while somebody types: by the protocol of each shell, and in a bash."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from peephole.classifier.storages import STORAGES
from peephole.cli import completion
from peephole.cli.app import COMMANDS, app
from peephole.studies.compare.contenders import CONTENDERS, MATCHES
from support.models import word_counter

PROGRAM = Path(sys.executable).with_name("peephole")
NO_COMPLETION = {name: value for name, value in os.environ.items() if "COMPLETE" not in name}


def completed(*words: str, folder: Path | None = None) -> list[str]:
    """What bash is offered for the last word, which may be empty."""
    environment = {
        **NO_COMPLETION,
        "_PEEPHOLE_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(["peephole", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run([PROGRAM], env=environment, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def through_args(shell: str, line: str, **more: str) -> subprocess.CompletedProcess[str]:
    """What zsh or fish is told of a line."""
    environment = {
        **NO_COMPLETION,
        "_PEEPHOLE_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": line,
        **more,
    }
    return subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, check=False)


def test_commands_and_their_options() -> None:
    assert completed("") == list(COMMANDS)
    assert completed("tr") == ["train"]
    assert completed("--debug", "ex") == ["explain", "export"]
    assert completed("train", "--hidden") == ["--hidden-size"]
    assert "--as" not in completed("predict", "--")


WORDS = {
    "a cell": (["train", "a.csv", "--cell", "p"], ["peephole-lstm"]),
    "a switch": (["train", "--no-res"], []),
    "a way to store": (["convert", "reviews", "--storage", ""], ["float32", "float16", "int8"]),
    "a precision": (["export", "reviews", "--precision", "i"], ["int8"]),
    "a format to export": (["export", "reviews", "--to", ""], ["onnx"]),
    "a method": (["explain", "good", "--method", "s"], ["shapley"]),
    "a label": (["explain", "good", "--target", "p"], ["positive"]),
    "a task": (["compare", "--task", "co"], ["copy", "count"]),
    "a variant of the task": (["compare", "--task", "order", "--variant", ""], ["two", "three"]),
    "a contender after another": (["compare", "--contenders", "rnn,gru,g"], ["rnn,gru,gru-before"]),
    "a contender's rate": (["compare", "--rate", "ir"], ["irnn="]),
    "a setting": (["compare", "a.csv", "--set", "hid"], ["hidden_size="]),
    "a setting's value": (["compare", "a.csv", "--set", "cell=g"], ["cell=gru"]),
    "a setting to search": (["tune", "a.csv", "--search", "epochs,learn"], ["epochs,learning_rate"]),
    "a format": (["predict", "a", "--format", "ts"], ["tsv", "tsv-raw"]),
    "a race": (["bench", "pack"], ["packed", "packed-deep"]),
    "a rival": (["bench", "--rival", "torch,j"], ["torch,jax"]),
    "a model of this installation": (["predict", "good", "-m", "re"], ["reviews"]),
    "a model as an argument": (["serve", "rev"], ["reviews"]),
    "files, left to the shell": (["train", "rev"], []),
}


@pytest.mark.parametrize(("words", "offered"), WORDS.values(), ids=WORDS)
def test_words(words: list[str], offered: list[str]) -> None:
    environment = {
        "_PEEPHOLE_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(["peephole", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = CliRunner(env=environment).invoke(app)
    assert done.exit_code == 0
    assert done.stdout.split() == offered


def test_model_folders_and_columns(tmp_path: Path) -> None:
    word_counter().save(tmp_path / "my-model")
    (tmp_path / "mine").mkdir()
    (tmp_path / "r.csv").write_text('text,"a, b",film\ngood,1,x\n')
    (tmp_path / "r.jsonl").write_text('{"body": "good", "stars": 3}\n')
    assert completed("convert", "m", folder=tmp_path) == ["my-model"]
    assert completed("convert", "./", folder=tmp_path) == ["./my-model"]
    assert completed("evaluate", "", folder=tmp_path) == ["reviews", "my-model"]
    assert completed("train", "r.csv", "--group-column", "", folder=tmp_path) == ["text", "a,", "b", "film"]
    assert completed("predict", "r.jsonl", "--where", "s", folder=tmp_path) == ["stars="]
    assert completed("predict", "absent.csv", "--text-column", "", folder=tmp_path) == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_names_in_files_do_not_act(tmp_path: Path) -> None:
    """zsh evaluates what it is offered, twice; a bash stands in for the second time."""
    hostile = [
        r"\$(touch acted)",
        "$(touch acted)",
        "`touch acted`",
        r"\`touch acted`",
        "'; touch acted; '",
        "a\tb",
        '"',
    ]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in ["text", *hostile, "stars (1-5)"])
    (tmp_path / "r.csv").write_text(f"{header}\n")
    model = word_counter()
    config = model.config.replace(labels=("good", hostile[0]))
    type(model)(config, model.tokenizer, model.tensors).save(tmp_path / "model")
    model.save(tmp_path / hostile[0])
    told = through_args("zsh", f"peephole train {tmp_path}/r.csv --text-column ").stdout
    assert told == '_arguments \'*: :(("text"\n"stars (1-5)"))\'\n'
    inside = told.partition("((")[2].rpartition("))")[0].replace("\n", " ")
    subprocess.run(["bash", "--norc", "-c", f"words=( {inside} )"], cwd=tmp_path, check=True)
    assert not (tmp_path / "acted").exists()
    for words in ("convert {}/", "explain good --model {}/model --target ", "predict {}/r.csv --where "):
        told = through_args("zsh", f"peephole {words.format(tmp_path)}").stdout
        assert told.count('"') >= 2
        assert "acted" not in told


def test_zsh_gets_names_with_what_they_are() -> None:
    done = through_args("zsh", "peephole tra")
    assert done.stdout.startswith('_arguments \'*: :(("train":"Train a classifier'), done.stdout
    assert through_args("zsh", "peephole train ").stdout == "_files\n"


def test_fish_gets_names_or_is_left_to_its_files() -> None:
    done = through_args(
        "fish", "peephole convert reviews --storage i", _TYPER_COMPLETE_FISH_ACTION="get-args"
    )
    assert done.stdout == "int8\n"
    is_args = {"_TYPER_COMPLETE_FISH_ACTION": "is-args"}
    assert through_args("fish", "peephole predict --mo", **is_args).returncode == 0
    assert through_args("fish", "peephole predict ", **is_args).returncode == 1


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_a_bash_completes_with_the_script_that_is_shown(tmp_path: Path) -> None:
    environment = {
        **NO_COMPLETION,
        "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
    }

    def bash(script: str) -> str:
        done = subprocess.run(
            ["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    shown = bash("peephole --show-completion; true")
    function = re.search(r"-F (\S+) peephole", shown)
    assert function, shown
    (tmp_path / "script").write_text(shown)
    press = (
        f". {tmp_path}/script; COMP_WORDS=(peephole convert reviews --storage f); COMP_CWORD=4; "
        f'{function[1]} peephole; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    assert bash(press).split() == ["float32", "float16"]
    bash("peephole --install-completion; true")
    assert "peephole" in (tmp_path / ".bashrc").read_text()


def test_a_completion_imports_no_more_than_its_command() -> None:
    script = """
import os, sys
words = sys.argv[1:]
os.environ |= {"_PEEPHOLE_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(["peephole", *words]), "COMP_CWORD": str(len(words))}
sys.argv = ["peephole"]
from peephole.cli.app import main
try:
    main()
except SystemExit:
    pass
print("imported", *sorted({"numpy", "torch", "tokenizers"} & set(sys.modules)), *sorted(m for m in sys.modules if m in %r))
""" % {f"peephole.cli.{name}" for name in COMMANDS}
    for words, command in (
        (["tr"], []),
        (["train", "--cell", "l"], ["peephole.cli.train"]),
        (["serve", "--"], ["peephole.cli.serve"]),
    ):
        done = subprocess.run(
            [sys.executable, "-c", script, *words],
            env=NO_COMPLETION,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines()[-1].split() == ["imported", *command]


def test_the_words_are_those_that_are_checked() -> None:
    from peephole.export.onnx_export import PRECISIONS
    from peephole.insight.explanations.methods import METHODS
    from peephole.reading.source import FORMATS
    from peephole.studies.bench.cases import CASES, CELLS
    from peephole.studies.bench.comparisons import COMPARISONS, DTYPES
    from peephole.studies.bench.gpu.cases import GROUPS
    from peephole.studies.bench.suite import MEMORY, RIVALS
    from peephole.studies.tasks import TASKS, variants_of
    from peephole.studies.tasks.task import INITS

    assert sorted(completion.METHODS) == sorted(["auto", *METHODS])
    assert completion.STORAGES == STORAGES == PRECISIONS
    assert completion.FORMATS == FORMATS
    assert list(completion.CONTENDERS) == list(CONTENDERS)
    assert completion.MATCHES == MATCHES
    assert {name: tuple(variants_of(name)) for name in TASKS} == completion.TASKS
    assert completion.INITS == INITS
    assert list(completion.BENCH_CASES) == list(dict.fromkeys([*CASES, *COMPARISONS, MEMORY, *GROUPS]))
    assert tuple(CELLS) == completion.BENCH_CELLS
    assert completion.DTYPES == DTYPES
    assert (*RIVALS, "none") == completion.RIVALS


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_of_a_command_is_the_first_line_of_its_help(name: str) -> None:
    import importlib

    command = getattr(importlib.import_module(f"peephole.cli.{name}"), name)
    assert command.__doc__.split("\n")[0] == COMMANDS[name]
