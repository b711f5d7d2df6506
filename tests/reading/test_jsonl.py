"""JSON Lines: objects, and everything else that can stand on a line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peephole.errors import DataError
from peephole.reading import read


def pairs(source, **options):
    return [(record.text, record.label) for record in read(source, **options)]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ending", [".jsonl", ".ndjson", ".json"])
def test_objects_are_records_and_blank_lines_are_not(write, ending, packed):
    content = '{"Review": "a\\nb", "Sentiment": "pos"}\n\n  \n{"Sentiment": 0, "Review": "c"}\r\n'
    path = write(f"a{ending}{'.gz' * packed}", content, packed=packed)
    records = list(read(path, known_labels=["neg", "pos"]))
    assert [(record.text, record.label) for record in records] == [("a\nb", "pos"), ("c", "neg")]
    assert records[1].place == f"{path}, line 4"


@pytest.mark.parametrize(
    ("value", "label"),
    [("1", "1"), ("1.0", "1"), ("-1", "-1"), ('"1"', "1"), ("true", "true"), ("0.5", "0.5"), ("null", None)],
)
def test_labels_of_every_scalar_kind(write, value, label):
    path = write("a.jsonl", f'{{"text": "a", "label": {value}}}\n')
    assert pairs(path) == [("a", label)]


def test_further_fields_are_written_as_json_writes_them(write):
    path = write("a.jsonl", '{"text": "a", "n": 1.50, "b": true, "z": null}\n')
    (record,) = read(path, columns=["n", "b", "z"])
    assert record.fields == {"n": "1.50", "b": "true", "z": ""}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1))
@settings(deadline=None, max_examples=60)
@pytest.mark.parametrize("escaped", [False, True])
def test_what_json_writes_is_read_back_equal(tmp_path_factory, escaped, rows):
    path = tmp_path_factory.mktemp("round") / "a.jsonl"
    content = "".join(json.dumps({"text": text}, ensure_ascii=escaped) + "\n" for text in rows)
    path.write_bytes(content.encode("utf-8"))
    assert [record.text for record in read(path, keep_empty=True)] == rows


def test_every_kind_of_bad_line_is_named(write, refusal):
    content = b"\n".join(
        [
            b'{"text": "good", "label": "pos"}',
            b'{"text": 3, "label": "pos"}',
            b'{"text": null, "label": "pos"}',
            b'{"text": ["a"], "label": "pos"}',
            b'{"text": "a", "label": {"x": 1}}',
            b'{"label": "pos"}',
            b'{"text": "a" "label": 1}',
            b'"text"',
            b'{"text": "a", "text": "b"}',
            b'{"text": "\xff", "label": "pos"}',
            b'{"text": "\\ud83d", "label": "pos"}',
            b'{"text": "\\u0000", "label": "pos"}',
            b'{"text": "  ", "label": "7"}',
        ]
    )
    path = write("a.jsonl", content)
    offset = content.index(0xFF)
    assert refusal(path) == (
        "a.jsonl: 13 problems (5 mixed types, 1 missing column, 3 malformed JSON, 1 bad byte, 2 bad character, "
        "1 empty text)\n"
        "  a.jsonl, line 2: the text must be a string; got the number 3\n"
        "  a.jsonl, line 3: the text must be a string; got null\n"
        "  a.jsonl, line 4: the text must be a string; got a list\n"
        "  a.jsonl, line 5: the label must be a name or a number; got {'x': '1'}\n"
        "  a.jsonl, line 6: no key 'text', which the first object has\n"
        "  a.jsonl, line 7: not JSON: Expecting ',' delimiter (character 14 of the line)\n"
        "  a.jsonl, line 8: not a JSON object; got 'text'\n"
        "  a.jsonl, line 9: the key 'text' stands twice in one object\n"
        f"  a.jsonl, line 10, byte {offset}: bad byte 0xFF: not UTF-8 (invalid start byte)\n"
        "  a.jsonl, line 11: 'text' holds half of a surrogate pair (\\ud83d)\n"
        "  a.jsonl, line 12: 'text' holds a NUL character (\\u0000), which is not text\n"
        "  a.jsonl, line 13: empty text\n"
        "  a.jsonl, line 13: label '7' is a number, but 'pos' (a.jsonl, line 1) is a name\n"
        "hint: save the file as UTF-8 (for example: iconv -f WINDOWS-1252 -t UTF-8); "
        "or leave bad records out with --skip-bad (skip_bad=True in Python)"
    )
    stream = read(path, skip_bad=True)
    assert [record.text for record in stream] == ["good"]
    assert stream.skipped.total == 12


def test_finding_a_repeated_key_among_many_takes_linear_work(write, refusal):
    keys = ", ".join(f'"k{n}": 0' for n in range(200_000))
    path = write("a.jsonl", f'{{{keys}, "k199999": 1}}\n{{"text": "a", "b": 1, "a": 1, "a": 2, "b": 2}}\n')
    message = refusal(path)
    assert "  a.jsonl, line 1: the key 'k199999' stands twice in one object\n" in message
    assert "  a.jsonl, line 2: the key 'a' stands twice in one object\n" in message


def test_an_array_is_refused_with_the_way_out(write, refusal):
    assert refusal(write("a.json", '[{"text": "a"},\n {"text": "b"}]\n')) == (
        "a.json: 1 problem (1 malformed JSON)\n"
        "  a.json: one JSON array; JSON Lines has one object on each line\n"
        "hint: convert it, for example: jq -c '.[]' a.json > reviews.jsonl"
    )


def test_the_columns_are_those_of_the_first_object(write, refusal):
    message = refusal(write("a.jsonl", '{"body": "a", "label": 1}\n'))
    assert "  a.jsonl, line 1: no text column (one of text, review, sentence, content)" in message
    assert "the columns are 'body', 'label'" in message


@pytest.mark.parametrize("content", ["", "\n", "\n  \n" * 10_000, "\ufeff"])
def test_no_object_at_all(write, refusal, content):
    assert "  a.jsonl: empty: it holds no JSON object" in refusal(write("a.jsonl", content))


@pytest.mark.parametrize(
    "line",
    [
        '{"text": "a", "x": ' + "[" * 200_000 + "}",
        '{"text": "a", "x": ' + '{"y":' * 200_000 + "}",
    ],
    ids=["lists", "objects"],
)
def test_deep_nesting_is_a_bad_line_and_not_a_crash(write, line):
    stream = read(write("a.jsonl", line + '\n{"text": "fine"}\n'), skip_bad=True)
    assert [record.text for record in stream] == ["fine"]
    assert stream.skipped.reasons == {"malformed JSON": 1}


def test_a_number_of_a_million_digits_is_only_a_strange_label(write):
    stream = read(write("a.jsonl", '{"text": "a", "label": ' + "9" * 1_000_000 + "}\n"))
    with pytest.raises(DataError, match="a label of 1,000,000 characters; got '99999999999999999999…'"):
        list(stream)
