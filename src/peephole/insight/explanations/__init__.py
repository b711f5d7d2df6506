"""Explanations of a prediction, word by word, each with what its method promises and how faithful it is measured to be."""

from __future__ import annotations

from peephole.insight.explanations.attribution import Attribution as Attribution
from peephole.insight.explanations.case import Case as Case
from peephole.insight.explanations.cases import Head as Head
from peephole.insight.explanations.cases import case_of_rows as case_of_rows
from peephole.insight.explanations.corpus import WordScore as WordScore
from peephole.insight.explanations.corpus import words_that_matter as words_that_matter
from peephole.insight.explanations.decomposition import Decomposition as Decomposition
from peephole.insight.explanations.decomposition import decompose as decompose
from peephole.insight.explanations.explain import explain as explain
from peephole.insight.explanations.explanation import Explanation as Explanation
from peephole.insight.explanations.faithfulness import Faithfulness as Faithfulness
from peephole.insight.explanations.faithfulness import faithfulness as faithfulness
from peephole.insight.explanations.methods import Method as Method
from peephole.insight.explanations.methods import attribute as attribute
from peephole.insight.explanations.methods import methods as methods
from peephole.insight.explanations.phrases import Phrase as Phrase
from peephole.insight.explanations.phrases import phrase_tree as phrase_tree

__all__ = [
    "Attribution",
    "Case",
    "Decomposition",
    "Explanation",
    "Faithfulness",
    "Head",
    "Method",
    "Phrase",
    "WordScore",
    "attribute",
    "case_of_rows",
    "decompose",
    "explain",
    "faithfulness",
    "methods",
    "phrase_tree",
    "words_that_matter",
]
