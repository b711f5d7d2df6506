"""What stands at the end of a comparison's page: how it was done, and what the numbers mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peephole.evaluation.wording import percent

Document = Mapping[str, Any]

_COMMON = (
    (
        "Gradient half-life",
        "The gradient of the answer is followed back from a sequence’s last step, in the state that a step adds to (c of an "
        "LSTM, h of the others), and its length compared with that at the last step. The half-life is the number of steps in "
        "which it halves, by a straight line through the logarithm of the median curve; ∞ where it does not fade. The answer is "
        "the largest output less the second largest, not the loss, whose gradient vanishes wherever a network is sure.",
    ),
    (
        "Memory half-life",
        "What a gate keeps of a unit’s cell is multiplied at each step: f in an LSTM, 1 − i with coupled gates, z in a GRU. The "
        "half-life is ln ½ divided by the mean logarithm of that factor over all steps. It speaks for the cell alone, and not "
        "for what returns through the recurrent weights. Shown is the unit in the middle, and the one below the longest 5 %.",
    ),
    (
        "Milliseconds for 1,000 steps",
        "The median time of an optimiser’s step on one batch, and of answering it, divided by the thousands of steps in it. All "
        "contenders take turns in one process, so that a busy machine slows them alike; compare them with each other only.",
    ),
    (
        "Parameters",
        "All numbers that are learnt. Peephole weights and a GRU’s missing gate change how many a unit has, so equal units are "
        "not equal sizes.",
    ),
)
_TASK = (
    (
        "Solved",
        "Along the way 256 sequences are judged; when enough of them are right, 2,560 new ones are, and when enough of those "
        "are right too, the run stops and counts as solved. (Where there are only finitely many sequences, all are judged.) The "
        "interval is Wilson’s.",
    ),
    ("Chance", "The loss of the best answer that remembers nothing."),
)
_TEXTS = (
    (
        "Accuracy",
        "The share of development texts judged right, averaged over the seeds. Its interval adds what other texts and other "
        "seeds would change. The best pass of each run is chosen on the same texts, which flatters all contenders alike.",
    ),
    (
        "Less the LSTM",
        "The difference from the LSTM in points, text by text and seed by seed, with its interval, and how probable so large a "
        "one is between equals. Of several differences, one in twenty has a p below 0.05 by chance.",
    ),
)


def meanings(document: Document) -> list[tuple[str, str]]:
    """Return what the numbers of a document mean, as name and explanation."""
    return [*(_TASK if document["subject"]["kind"] == "task" else _TEXTS), *_COMMON]


def facts(document: Document) -> dict[str, str]:
    """Return how a comparison was done, as name and value."""
    subject, machine = document["subject"], document["machine"]
    found = _task_facts(document) if subject["kind"] == "task" else _text_facts(subject)
    seeds = ", ".join(map(str, document["seeds"]))
    threads = machine["threads"]
    return {
        **found,
        "First weights": "; ".join(_first_weights(document)),
        "Seeds": seeds,
        "Sizes": f"equal {document['match']}, LSTM of {document['reference_size']:,} units",
        "Machine": f"{machine['cpu']}, {machine['cores']} cores, {threads} thread{'s' if threads != 1 else ''}",
        "Versions": ", ".join(f"{name} {version}" for name, version in document["versions"].items()),
        "Date": document["date"],
        **({"Command": document["command"]} if document["command"] else {}),
    }


def _task_facts(document: Document) -> dict[str, str]:
    subject = document["subject"]
    budget = subject["budget"]
    names = {contender["name"] for contender in document["contenders"]}
    others = [f"{name}: {rate:g}" for name, rate in budget["rates"].items() if name in names]
    rates = f"{budget['learning_rate']:g}" + (f" ({', '.join(others)})" if others else "")
    return {
        "Task": f"{subject['task']}, variant {subject['variant']}, length {subject['length']:,}",
        "Budget": f"{budget['sequences']:,} sequences at most, {budget['batch']} in a batch",
        "Training": f"Adam, learning rate {rates}, gradients clipped to a norm of {subject['clip']:g}, float32",
        "Chance": f"{subject['chance']:.4g} {subject['loss']}",
    }


def _text_facts(subject: Mapping[str, Any]) -> dict[str, str]:
    from peephole.training import Recipe  # the recipe's defaults: what is not among them is worth telling

    usual = Recipe().to_json()
    own = ("cell", "cell_options", "hidden_size", "seed")
    changed = {
        name: value for name, value in subject["recipe"].items() if name not in own and value != usual[name]
    }
    listed = ", ".join(f"{name} {value}" for name, value in changed.items())
    rates = ", ".join(f"{name}: {rate:g}" for name, rate in subject["rates"].items())
    return {
        "Texts": f"{subject['training']:,} for training, {subject['development']:,} for development "
        f"(SHA-256 {subject['sha256'][:12]}…)",
        "Classes": ", ".join(subject["labels"]),
        "Largest class": percent(subject["chance"]),
        "Recipe": f"the default one of peephole train{', but ' + listed if listed else ''}",
        **({"Learning rates": rates} if rates else {}),
    }


def _first_weights(document: Document) -> list[str]:
    subject = document["subject"]
    shared = (subject["budget"] if subject["kind"] == "task" else subject["recipe"])["init"]
    own = [f"{c['title']}: {c['init']}" for c in document["contenders"] if c["init"]]
    forget = ", forget biases of 1" if shared != "chrono" else ""
    return [f"{shared}{forget}", *own]
