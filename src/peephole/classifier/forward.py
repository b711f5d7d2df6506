"""The forward pass of a classifier on NumPy: ids in, logits out, nothing computed on padding, memory bounded.

Texts are sorted by length and dealt into batches of packed rows. Where there are enough of them, each thread runs batches of
its own, so that threads never wait for one another; otherwise a batch shares its sequences among them. A batch that is longer
than a block, which is one long text, runs in blocks of time steps and by itself. In memory are a block's rows for each
thread, in and out (about 32 MiB), 4 bytes per token, and, for each layer whose rows another layer reads from both ends, those
rows: 4 · K · H bytes per token of a batch (K = 2 directions), of two such layers at most at once. So a model with one
recurrent layer, or with any number of layers in one direction, reads a text of any length in constant memory but for its ids.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from peephole.classifier.config import ModelConfig
from peephole.classifier.pools import Pool
from peephole.classifier.rows import (
    Array,
    Direction,
    Embedded,
    LinearWeights,
    Mapped,
    Plan,
    Rows,
    Running,
    States,
    keep,
    keep_directions,
)
from peephole.classifier.stages import Embedding, Linear, Pooling, Recurrent, layer_suffix
from peephole.classifier.storage import Tensor, dense
from peephole.classifier.tokenizer import Ids
from peephole.errors import ModelError, OptionError
from peephole.ops import Sequences, available_threads, limit_threads

_BLOCK_NUMBERS = 1 << 23  # float32 numbers of a block's rows: 32 MiB
_MAX_SEQUENCES = 256
_MIN_ROWS = 64

Layer = tuple[Direction, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Carry:
    """What a one-directional model remembers of a text: a few vectors, however long the text.

    Attributes:
        states: of each recurrent layer, name → `[1, H]`.
        pool: the statistics so far.
        tokens: read so far.
    """

    states: tuple[States, ...]
    pool: Pool
    tokens: int


class Forward:
    """The stages of a config with their weights.

    Args:
        config: the stages.
        weights: tensors by name, as `config.parameter_shapes` gives them. The embedding stays as it is stored, and its rows are
            made float32 when they are looked up; the others are made float32 here.
        backend: as `peephole.ops.run` takes it.
        precision: likewise.
        row_limit: the most rows in a block of time steps, at least 1; None: as many as fit in 32 MiB. It does not depend on
            the number of threads, and so neither do the batches nor their bits.
    """

    def __init__(
        self,
        config: ModelConfig,
        weights: Mapping[str, Tensor],
        backend: str = "auto",
        *,
        precision: str = "highest",
        row_limit: int | None = None,
    ) -> None:
        self.row_stages: list[LinearWeights | Layer] = []
        self.head: list[LinearWeights] = []
        self.statistics: tuple[str, ...] = ()
        widest = 1
        for stage, width in zip(config.stages, config.input_widths, strict=True):
            widest = max(widest, 0 if self.statistics else width)
            if isinstance(stage, Embedding):
                self.embedding = weights[f"{stage.name}.weight"]
            elif isinstance(stage, Linear):
                made = LinearWeights(
                    dense(weights[f"{stage.name}.weight"]),
                    dense(weights[f"{stage.name}.bias"]),
                    stage.activation,
                )
                (self.head if self.statistics else self.row_stages).append(made)
            elif isinstance(stage, Recurrent):
                self.row_stages += _layers(stage, weights, backend, precision)
                widest = max(widest, width + stage.directions * stage.hidden_size)
            elif isinstance(stage, Pooling):
                self.statistics = stage.statistics
        self.row_limit = row_limit or max(_MIN_ROWS, _BLOCK_NUMBERS // widest)

    def logits(self, texts: Sequence[Ids]) -> Array:
        """Return the logits `[N, C]` of texts given as ids `[T_n]` in [0, V), in their order.

        Raises:
            OptionError: an id is not in [0, V).
            ModelError: a logit is NaN or infinite: the weights are finite but far too large.
        """
        result = np.zeros((len(texts), len(self.head[-1].bias)), np.float32)

        def read(batch: list[int]) -> None:
            result[batch] = self.finish(self.pooled_batch([texts[n] for n in batch], self.statistics))

        self.each_batch(texts, read, "logits")
        return result

    def each_batch(self, texts: Sequence[Ids], read: Callable[[list[int]], None], where: str) -> None:
        """Call `read` with the positions of each batch of texts, several at once where there are threads for it.

        Raises:
            OptionError: an id is not in [0, V).
        """
        for index, ids in enumerate(texts):
            self._check_ids(ids, f"{where}: texts[{index}]")

        def read_alone(batch: list[int]) -> None:
            with limit_threads(1):
                read(batch)

        batches = list(self.batches([len(ids) for ids in texts]))
        threads = available_threads()
        # Long texts come first, one by one and on all threads: their rows are held one text's at a time.
        long = sum(sum(len(texts[n]) for n in batch) > self.row_limit for batch in batches)
        beside = threads if len(batches) - long >= threads else 1
        for batch in batches[: long if beside > 1 else None]:
            read(batch)
        if beside > 1:
            from concurrent.futures import ThreadPoolExecutor  # not for the first answer of a new process

            with ThreadPoolExecutor(beside, "peephole") as pool:
                for _ in pool.map(read_alone, batches[long:]):  # a batch that fails fails here
                    pass

    def finish(self, pooled: Array) -> Array:
        """Return the logits `[N, C]` of pooled vectors `[N, F]`."""
        return self.through_head(pooled)[-1]

    def through_head(self, pooled: Array) -> list[Array]:
        """Return pooled vectors `[N, F]`, and what each stage after the pooling makes of them, the logits `[N, C]` last."""
        passed = [pooled]
        with np.errstate(over="ignore", invalid="ignore"):
            for linear in self.head:
                passed.append(linear(passed[-1]))
        if not np.isfinite(passed[-1]).all():
            raise ModelError(
                "logits: must be finite; got NaN or infinite ones", hint="the weights are too large"
            )
        return passed

    def start(self) -> Carry:
        """Return what is remembered of no text at all; for models without a reverse direction only."""
        layers = self._forward_layers()
        states = tuple(layer.start(1) for layer in layers)
        return Carry(states, Pool(self.statistics, 1, self._pool_width()), 0)

    def advance(self, carry: Carry, ids: Ids) -> Carry:
        """Read more tokens `[T]`; `carry` stays as it is."""
        self._check_ids(ids, "step")
        plan = Plan.of_sizes(1, np.ones(len(ids), np.int64), self.row_limit)
        source: Rows = Embedded(self.embedding, ids)
        running: list[Running] = []
        for stage in self.row_stages:
            if isinstance(stage, LinearWeights):
                source = Mapped(stage, source)
            else:
                source = Running(stage[0], source, carry.states[len(running)])
                running.append(source)
        pool = carry.pool.copy()
        for block in plan.blocks:
            pool.add(source.read(block), block.batch_sizes)
        return Carry(tuple(layer.states for layer in running), pool, carry.tokens + len(ids))

    def pooled(self, carry: Carry) -> Array:
        """Return the pooled vector `[1, F]` of what was read."""
        last = carry.states[-1]["h"] if carry.states else None
        return np.concatenate([carry.pool.result(name, last) for name in self.statistics], axis=1)

    def _forward_layers(self) -> list[Direction]:
        return [stage[0] for stage in self.row_stages if not isinstance(stage, LinearWeights)]

    def _pool_width(self) -> int:
        width = int(self.embedding.shape[1])
        for stage in self.row_stages:
            width = len(stage.bias) if isinstance(stage, LinearWeights) else stage[0].hidden_size
        return width

    def _check_ids(self, ids: Ids, where: str) -> None:
        most = self.embedding.shape[0] - 1
        if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) <= most:
            raise OptionError(
                f"{where}: ids must be from 0 to {most:,}; got {int(ids.min())} to {int(ids.max())}"
            )

    def batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Yield positions of texts of like length, whose rows make one block where the texts are not longer than that."""
        batch: list[int] = []
        rows = 0
        for n in np.argsort(np.negative(lengths), kind="stable").tolist():
            if batch and (len(batch) == _MAX_SEQUENCES or rows + lengths[n] > self.row_limit):
                yield batch
                batch, rows = [], 0
            batch.append(n)
            rows += lengths[n]
        if batch:
            yield batch

    def pooled_batch(self, texts: Sequence[Ids], statistics: Sequence[str]) -> Array:
        """Return the pooled vectors `[N, F]` of one batch, in its order: each statistic of each direction."""
        batch = Sequences.from_lengths([len(ids) for ids in texts])
        plan = Plan.of(batch, self.row_limit)
        ids = texts[0] if len(texts) == 1 else batch.pack(texts, np.int32)
        source: Rows = Embedded(self.embedding, ids)
        final = self.row_stages[-1] if self.row_stages else None
        before = self.row_stages if not isinstance(final, tuple) else self.row_stages[:-1]
        for stage in before:
            if isinstance(stage, LinearWeights):
                source = Mapped(stage, source)
            elif len(stage) == 1:
                source = Running(stage[0], source, stage[0].start(plan.sequences))
            else:
                source = keep_directions(stage, _readable(source, plan), plan)
        if isinstance(final, tuple):
            pools = self._pool_directions(final, source, plan, statistics)
        else:
            pool = Pool(statistics, plan.sequences, source.width)
            for block in plan.blocks:
                pool.add(source.read(block), block.batch_sizes)
            pools = [(pool, None)]
        parts = [pool.result(statistic, last) for statistic in statistics for pool, last in pools]
        return np.concatenate(parts, axis=1)[batch.inverse]

    def _pool_directions(
        self, layer: Layer, source: Rows, plan: Plan, statistics: Sequence[str]
    ) -> list[tuple[Pool, Array]]:
        """Run the last layer and pool each direction as it goes; with it, the direction's final h."""
        if len(layer) > 1:
            source = _readable(source, plan)
        pools: list[tuple[Pool, Array]] = []
        for direction in layer:
            pool = Pool(statistics, plan.sequences, direction.hidden_size)
            last = direction.start(plan.sequences)["h"]
            for block, outputs, states in direction.sweep(source, plan):
                pool.add(outputs, block.batch_sizes)
                last = states["h"]
            pools.append((pool, last))
        return pools


def _readable(source: Rows, plan: Plan) -> Rows:
    """Rows that may be read in any order: in memory, if they cannot be made again."""
    return source if source.again else keep(source, plan)


def _layers(stage: Recurrent, weights: Mapping[str, Tensor], backend: str, precision: str) -> list[Layer]:
    cell = stage.make_cell()
    own = [
        "weight_ih",
        "weight_hh",
        *(["bias_ih", "bias_hh"] if stage.bias else []),
        *cell.parameter_shapes(1),
    ]
    layers: list[Layer] = []
    for layer in range(stage.num_layers):
        directions: list[Direction] = []
        for reverse in range(stage.directions):
            suffix = layer_suffix(layer, reverse)
            tensors = {name: dense(weights[f"{stage.name}.{name}{suffix}"]) for name in own}
            directions.append(Direction(cell, tensors, bool(reverse), backend, precision))
        layers.append(tuple(directions))
    return layers
