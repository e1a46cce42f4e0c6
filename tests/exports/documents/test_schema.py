"""schema.json tells what a model takes in and gives out, from the training side alone."""

from __future__ import annotations

import json
import statistics

import numpy as np
import orjson
import pyarrow as pa
import pytest
from pyarrow import parquet

from exports.documents.schema import label_map
from exports.inputs.plan import TargetSpec
from exports.keeping.folder import write_version
from tests.exports.making import make_candidates, make_plan, make_rows, split_of, write

VALENCE = TargetSpec("valence", "number", "interval")


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schema") / "v"
    write(folder)
    (shard,) = (folder / "data").glob("train-*.parquet")
    return orjson.loads((folder / "schema.json").read_bytes()), parquet.read_table(shard)


class TestSchema:
    def test_normalization_is_that_of_the_training_rows(self, version):
        schema, train = version
        prices = [price for price in train["price"].to_pylist() if price is not None]

        field = schema["fields"]["price"]
        assert field["normalization"] == {
            "mean": round(statistics.fmean(prices), 4),
            "std": round(statistics.pstdev(prices), 4),
            "min": min(prices),
            "max": max(prices),
        }
        assert (field["kind"], field["dtype"], field["shape"], field["unit"]) == ("number", "float64", [], "EUR")
        assert field["nulls"] == train["price"].null_count
        assert sum(field["histogram"]["counts"]) == len(prices)

    def test_it_says_what_it_was_measured_on(self, version):
        schema, train = version

        assert schema["measured_on"] == {"split": "train", "rows": len(train)}

    def test_each_kind_has_its_figures(self, version):
        schema, train = version
        fields = schema["fields"]

        assert fields["text"]["lengths"]["max"] == max(len(text) for text in train["text"].to_pylist())
        assert fields["store"]["vocabulary"] == ["food", "fuel", "other"]
        assert isinstance(fields["pieces"]["normalization"]["max"], int)
        assert fields["when"]["range"]["first"] == "2026-10-10T08:00:00.250000Z"
        assert set(fields["new"]["vocabulary"]) == {"false", "true"}
        assert set(schema["context"]) == {"os_name", "battery"}

    def test_targets_have_labels_or_a_range(self, version):
        schema, train = version
        sentiment, valence = schema["targets"]["sentiment"], schema["targets"]["valence"]

        assert sentiment["label_map"] == {"negative": 0, "neutral": 1, "positive": 2}
        assert sentiment["output_range"] == {"minimum": 0, "maximum": 2}
        assert valence["output_range"] == {"minimum": min(train["valence"].to_pylist()), "maximum": 1.3333}

    def test_vocabulary_label_map_histogram_and_card_have_one_order(self, version, tmp_path):
        """The place of a label in any list is its number: `argmax` of a model's outputs leads back to the label."""
        choices = ("positive", "negative", "neutral")
        write(tmp_path / "v", targets=(TargetSpec("sentiment", "choice", "nominal", choices), VALENCE))
        text = (tmp_path / "v/schema.json").read_text()
        target = json.loads(text)["targets"]["sentiment"]

        assert (
            tuple(target["vocabulary"]) == tuple(target["label_map"]) == tuple(target["histogram"]["values"]) == choices
        )
        for label, number in target["label_map"].items():
            scores = np.eye(len(choices))[number]
            assert target["vocabulary"][int(np.argmax(scores))] == label
        card = (tmp_path / "v/README.md").read_text()
        assert [f"| {number} | {label} |" in card for number, label in enumerate(choices)] == [True] * 3

    def test_every_label_of_every_side_has_a_number(self, tmp_path):
        """A label that the configuration does not name any more, and that no training row has."""
        candidates = make_candidates(400)
        rows, split = make_rows(candidates), split_of(candidates)
        held_out = int(np.flatnonzero(split.codes == 2)[0])
        labels = rows.column("sentiment").to_pylist()
        labels[held_out] = "mixed"
        rows = rows.set_column(rows.schema.get_field_index("sentiment"), "sentiment", pa.array(labels))

        write_version(make_plan(), split, [rows], tmp_path / "v")

        target = orjson.loads((tmp_path / "v/schema.json").read_bytes())["targets"]["sentiment"]
        assert target["label_map"] == {"negative": 0, "neutral": 1, "positive": 2, "mixed": 3}
        assert target["vocabulary"] == ["negative", "neutral", "positive", "mixed"]
        assert target["histogram"]["counts"][3] == 0

    def test_every_vocabulary_is_in_the_order_of_its_histogram(self, version):
        schema, _ = version

        coded = [part for part in (*schema["fields"].values(), *schema["context"].values()) if "vocabulary" in part]
        assert len(coded) >= 3
        assert all(part["vocabulary"] == part["histogram"]["values"] for part in coded)

    def test_a_label_that_was_not_declared_comes_after_the_declared(self):
        assert label_map(("b", "a"), ["z", "a", "c"]) == {"b": 0, "a": 1, "c": 2, "z": 3}
