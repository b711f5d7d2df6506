"""Read an LSTM while it reads: its gates at every word of a sentence, from the fast path.

Trains a small LSTM on the built-in synthetic sample in a few seconds, then prints for each word what share of the
cell is kept, how much enters, and the probability of "positive" so far.

    python examples/gates_of_a_sentence.py "Nobody called the film dull." "The soup was not cold."
"""

from __future__ import annotations

import re
import sys

import torch

from peephole import cells
from peephole.nn import LSTM
from peephole.ops import Sequences, run
from peephole.reading.sample import sample_reviews

reviews = sample_reviews("train", 4000)
texts = [re.findall(r"\w+|[^\w\s]", review.text.lower()) for review in reviews]
labels = torch.tensor([float(review.label == "positive") for review in reviews])
number = {word: k for k, word in enumerate(sorted({word for text in texts for word in text}), 1)}

torch.manual_seed(0)
embedding, lstm = torch.nn.Embedding(len(number) + 1, 24), LSTM(24, 32, forget_bias=1.0)
model = torch.nn.ModuleList([embedding, lstm, head := torch.nn.Linear(32, 1)])


def logits(batch: list[list[str]]) -> torch.Tensor:
    """`[N]`: above zero means positive. Unknown words share the number 0."""
    packed = Sequences.from_lengths([len(text) for text in batch])
    places = zip(packed.row_batch, packed.row_time, strict=True)
    rows = embedding(torch.tensor([number.get(batch[n][t], 0) for n, t in places]))
    return head(lstm.outputs(rows, packed.batch_sizes)[torch.from_numpy(packed.last_rows)]).squeeze(1)


optimiser = torch.optim.Adam(model.parameters(), lr=0.005)
loss_of = torch.nn.functional.binary_cross_entropy_with_logits
for _ in range(10):
    for chosen in torch.randperm(len(texts)).split(50):
        optimiser.zero_grad()
        loss_of(logits([texts[k] for k in chosen.tolist()]), labels[chosen]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()

weights = {name.removesuffix("_l0"): weight for name, weight in lstm.named_parameters()}
start = {"h": torch.zeros(1, 32), "c": torch.zeros(1, 32)}
for sentence in sys.argv[1:] or ["Everybody called the hotel shabby, but we found it charming."]:
    words = re.findall(r"\w+|[^\w\s]", sentence.lower())
    with torch.no_grad():
        rows = embedding(torch.tensor([number.get(word, 0) for word in words]))
        out = run(cells.LSTM(), rows, [1] * len(words), weights, start, save=("f", "i"))
        positive = head(out.rows).squeeze(1).sigmoid()
    print(f"\n{'word':<14} kept  enters  positive so far")
    for k, word in enumerate(words):
        kept, enters = (out.saved[gate][k].mean() for gate in "fi")
        print(f"{word:<14} {kept:4.0%}  {enters:6.0%}  {positive[k]:15.0%}")
