"""schema.json tells what a model takes in and gives out, from the training side alone."""

from __future__ import annotations

import statistics

import orjson
import pytest
from pyarrow import parquet

from exports.schema import label_map
from tests.exports.making import write


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

    def test_a_label_that_was_not_declared_comes_after_the_declared(self):
        assert label_map(("b", "a"), ["z", "a", "c"]) == {"b": 0, "a": 1, "c": 2, "z": 3}
