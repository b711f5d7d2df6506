"""The built-in synthetic sample: what it promises, and that counting words does not solve it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter

import pytest

from peephole.errors import OptionError
from peephole.reading import read
from peephole.reading.sample import SAMPLE_SENTENCES, sample_reviews, write_sample
from peephole.reading.sample_fillers import FILLERS
from peephole.reading.sample_patterns import ASSERTING, CONTRASTS, REVERSING
from peephole.reading.sample_words import DOMAINS, NEGATIVE_WORDS, POSITIVE_WORDS

PARTS = ("train", "test")
LARGE = 8000
# SHA-256 of the first 500 texts of seed 0, a line each, the label before the text.
GOLDEN = {
    "train": "37e809e38ade43d9dd1a29d8002d139f9bd852cde7ab13c809547344cfc83e4c",
    "test": "ca8204c6b0f1b415589437a33297ac8cee1d300f4ffad50a261e231da967802f",
}


@pytest.fixture(scope="module")
def large():
    return {part: sample_reviews(part, LARGE, seed=11) for part in PARTS}


def words(text):
    return re.findall(r"[a-z']+", text.lower())


def sentences(text):
    return re.findall(r"[^.]+\.", text)


@pytest.mark.parametrize("part", PARTS)
def test_same_texts_on_every_machine_and_python(part):
    lines = "\n".join(f"{review.label}\t{review.text}" for review in sample_reviews(part, 500))
    assert hashlib.sha256(lines.encode()).hexdigest() == GOLDEN[part]


@pytest.mark.parametrize("part", PARTS)
def test_seed_decides(part):
    assert sample_reviews(part, 50, seed=4) == sample_reviews(part, 50, seed=4)
    assert sample_reviews(part, 50, seed=4) != sample_reviews(part, 50, seed=5)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("n", [0, 1, 2, 7, 100])
def test_any_number_of_texts_and_balanced(part, n):
    labels = Counter(review.label for review in sample_reviews(part, n))
    assert labels["positive"] == n // 2
    assert labels["negative"] == n - n // 2


@pytest.mark.parametrize("part", PARTS)
def test_every_polar_word_is_as_often_positive_as_negative(large, part):
    polar = POSITIVE_WORDS | NEGATIVE_WORDS
    counts = {
        label: Counter(
            word
            for review in large[part]
            if review.label == label
            for word in words(review.text)
            if word in polar
        )
        for label in ("positive", "negative")
    }
    assert counts["positive"] == counts["negative"]
    assert set(counts["positive"]) == polar


def test_polar_words_are_one_or_the_other_and_in_no_filler_or_pattern():
    assert not POSITIVE_WORDS & NEGATIVE_WORDS
    neutral = [line for part in FILLERS.values() for lines in part.values() for line in lines]
    neutral += [line for patterns in (ASSERTING, REVERSING) for lines in patterns.values() for line in lines]
    neutral += [line for part in CONTRASTS.values() for lines in part.values() for line in lines]
    assert not (POSITIVE_WORDS | NEGATIVE_WORDS) & {word for line in neutral for word in words(line)}


@pytest.mark.parametrize("part", PARTS)
def test_twins_share_their_polar_words_and_differ_in_label(large, part):
    pairs: dict[str, list] = {}
    for review in large[part]:
        pairs.setdefault(review.group, []).append(review)
    for twins in pairs.values():
        assert {review.label for review in twins} == {"positive", "negative"}
        one, other = (
            Counter(word for word in words(review.text) if word in POSITIVE_WORDS | NEGATIVE_WORDS)
            for review in twins
        )
        assert one == other


def test_no_text_twice_and_no_sentence_of_the_test_part_in_the_training_part(large):
    for part in PARTS:
        assert len({review.text for review in large[part]}) == LARGE
    train, test = (
        {sentence.strip() for review in large[part] for sentence in sentences(review.text)} for part in PARTS
    )
    assert not train & test


def test_patterns_and_fillers_of_the_parts_differ():
    for patterns in (ASSERTING, REVERSING):
        assert not set(patterns["train"]) & set(patterns["test"])
    train, test = ({line for lines in CONTRASTS[part].values() for line in lines} for part in PARTS)
    assert not train & test
    train, test = ({line for lines in FILLERS[part].values() for line in lines} for part in PARTS)
    assert not train & test


def test_every_word_of_the_test_part_is_in_the_training_part(large):
    train, test = ({word for review in large[part] for word in words(review.text)} for part in PARTS)
    assert test <= train


@pytest.mark.parametrize("part", PARTS)
def test_every_domain_and_every_pattern_occurs(large, part):
    assert {review.fields["domain"] for review in large[part]} == {domain.name for domain in DOMAINS}
    assert {review.fields["pattern"] for review in large[part]} == {"negation", *CONTRASTS[part]}


@pytest.mark.parametrize("part", PARTS)
def test_texts_are_well_formed(large, part):
    plural = "|".join(noun.name for domain in DOMAINS for noun in domain.parts if noun.plural)
    singular = "|".join(noun.name for domain in DOMAINS for noun in domain.parts if not noun.plural)
    for review in large[part]:
        text = review.text
        assert re.fullmatch(r"[A-Z][A-Za-z ,.;:']*\.", text), text  # no slot, no markup, no line break
        assert "  " not in text, text
        assert not re.search(r"[,;:.]{2}| [,;:.]|[,;:.][A-Za-z]", text), text
        assert all(sentence.lstrip()[0].isupper() for sentence in sentences(text)), text
        assert not re.search(r"\b[Aa] (?=[aeiou])|\b[Aa]n (?=[^aeiouh])", text), text
        assert not re.search(rf"(?i)(?<!of )(?<!about )({plural}) (was|is|wasn't)\b", text), text
        assert not re.search(rf"(?i)\b({singular}) (were|are|weren't)\b", text), text
        assert not re.search(r"(\b[a-z]+\b) \1\b", text.lower()), text


def test_some_verdicts_stand_before_a_long_neutral_stretch(large):
    for part in PARTS:
        early = 0
        for review in large[part]:
            said = sentences(review.text)
            polar = [bool((POSITIVE_WORDS | NEGATIVE_WORDS) & set(words(sentence))) for sentence in said]
            early += polar[0] and len(said) >= 5 and not any(polar[1:])
        assert early > LARGE / 10


@pytest.mark.parametrize(("longest", "most"), [(1, 0.60), (2, 0.75)])
def test_counting_words_does_not_solve_it(longest, most):
    feature_text = pytest.importorskip("sklearn.feature_extraction.text")
    linear = pytest.importorskip("sklearn.linear_model")
    train, test = sample_reviews("train", 4000), sample_reviews("test", 1000)
    counter = feature_text.TfidfVectorizer(ngram_range=(1, longest), token_pattern=r"[\w']+|[^\w\s]")
    model = linear.LogisticRegression(C=10, max_iter=1000)
    model.fit(counter.fit_transform([review.text for review in train]), [review.label for review in train])
    score = model.score(
        counter.transform([review.text for review in test]), [review.label for review in test]
    )
    assert score <= most


def test_sentences_for_a_first_prediction_are_unseen_and_balanced(large):
    seen = {review.text for part in PARTS for review in large[part]}
    vocabulary = {word for review in large["train"] for word in words(review.text)}
    assert Counter(label for _, label in SAMPLE_SENTENCES) == {"positive": 4, "negative": 4}
    for text, _ in SAMPLE_SENTENCES:
        assert text not in seen
        assert set(words(text)) <= vocabulary, text


def test_written_table_is_read_back(tmp_path):
    path = tmp_path / "sample.csv"
    write_sample(path, "train", 60, seed=2)
    reviews = sample_reviews("train", 60, seed=2)
    records = list(read(path, group_column="pair", columns=("domain", "pattern"), labels="required"))
    assert [(r.text, r.label, r.group, r.fields) for r in records] == [
        (r.text, r.label, r.group, r.fields) for r in reviews
    ]
    assert b"\r" not in path.read_bytes()
    assert path.read_text(encoding="utf-8").startswith("text,label,domain,pattern,pair\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("tests", 10),
            "sample_reviews: part must be one of 'train', 'test'; got 'tests' (did you mean 'test'?)",
        ),
        (("train", -1), "sample_reviews: n and seed must be >= 0; got n=-1, seed=0"),
        (("train", 1, -2), "sample_reviews: n and seed must be >= 0; got n=1, seed=-2"),
    ],
)
def test_bad_arguments_are_refused(arguments, message, tmp_path):
    with pytest.raises(OptionError) as caught:
        sample_reviews(*arguments)
    assert str(caught.value) == message
    with pytest.raises(OptionError):
        write_sample(tmp_path / "sample.csv", *arguments)
    assert not (tmp_path / "sample.csv").exists()
