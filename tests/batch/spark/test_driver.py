"""Spark gives the bytes of a local run, from paths and from addresses; one real Spark a process."""

import importlib.util
import json
import random
import re
import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.batch import run_batch
from cds_service.cli import twitch_cds
from cds_service.errors import BatchError

ROOT = Path(__file__).resolve().parents[3]
BUNDLES = sorted((ROOT / "fixtures" / "patients").glob("*/bundle.json"))
AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
OUTPUTS = ("patients.ndjson", "findings.ndjson", "quarantine.ndjson", "summary.json")

needs_spark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("pyspark", "pyarrow", "pandas")),
    reason='needs the extra: pip install "twitch-cds[spark]"',
)
needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="needs Java 17 or later")


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """One Spark with two workers for all tests of a process, as ``--engine spark`` would make it."""
    from cds_service.batch.spark import own_session

    session = own_session(tmp_path_factory.mktemp("spark"), 2, "1g")
    yield session
    session.stop()


@pytest.fixture
def export(tmp_path):
    """A bulk export with everything that happens: patients mixed, a type missing, another empty, damage."""
    folder = tmp_path / "ex port%20"
    folder.mkdir()
    lines = {"Medication": ['{"resourceType":"Medication","id":"m1","code":{"text":"furosemide"}}']}
    for path in BUNDLES:
        for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]:
            lines.setdefault(entry["resource"]["resourceType"], []).append(json.dumps(entry["resource"]))
    chance = random.Random(5)
    for found in lines.values():
        chance.shuffle(found)
    request = json.loads(lines["MedicationRequest"][0])
    request.pop("medicationCodeableConcept", None)
    lines["MedicationRequest"][0] = json.dumps(
        {**request, "medicationReference": {"reference": "Medication/m1"}}
    )
    seen = lines["Observation"]
    seen[3], seen[7], seen[9] = seen[3][:60], seen[7][:-5], "{}"
    seen[5:5] = ["", '{"resourceType":"Observation","id":"nobody"}', "\r"]
    del lines["Condition"]
    lines["Encounter"] = []
    for name, found in lines.items():
        text = "".join(f"{line}\n" for line in found)
        (folder / f"{name}.ndjson").write_text(f"\ufeff{text[:-1]}" if name == "Observation" else text)
    (folder / "broken.json.gz").write_bytes(b"\x1f\x8b\x08\x00aaaa")
    (folder / "empty.json").write_bytes(b"")
    (folder / "notes.txt").write_text("no data")
    (folder / "records").mkdir()
    shutil.copy(BUNDLES[0], folder / "records" / "one.json")
    return folder


@pytest.fixture
def batch(knowledge, tmp_path):
    """Run a batch into a folder of its own; return the outputs by name."""
    runs = iter(range(100))

    def run(inputs, **options):
        out = tmp_path / f"out{next(runs)}"
        run_batch(inputs, out, knowledge=knowledge, as_of=AS_OF, **options)
        assert not (out / ".work").exists()
        return {name: (out / name).read_bytes() for name in OUTPUTS}

    return run


@needs_spark
@needs_java
@pytest.mark.slow
class TestOnSpark:
    def test_bundles_give_the_bytes_of_a_local_run(self, spark, batch):
        local = batch(BUNDLES)
        assert batch(BUNDLES, engine="spark") == local
        assert local["findings.ndjson"].count(b"\n") > 20

    def test_a_damaged_export_gives_the_bytes_of_a_local_run(self, spark, batch, export):
        local = batch(export)
        assert batch(export, engine="spark") == local
        reasons = json.loads(local["summary.json"])["quarantineReasons"]
        assert {"F001", "F004", "F015", "B021", "B025"} <= reasons.keys()

    def test_addresses_give_the_bytes_of_a_local_run(self, spark, batch, export, monkeypatch):
        """Files of any file system of Spark: small ones whole, large ones of lines in many parts."""
        from cds_service.batch.spark import reading

        pieces = []
        starts = reading._starts
        monkeypatch.setattr(reading, "_LARGE", 20_000)
        monkeypatch.setattr(
            reading, "_starts", lambda *given: pieces.append(starts(*given).count()) or starts(*given)
        )
        monkeypatch.setitem(reading._PARTING, "spark.sql.files.minPartitionNum", "8")
        monkeypatch.setitem(reading._PARTING, "spark.sql.files.openCostInBytes", "1")
        inputs = [export, *BUNDLES[1:3]]  # two files of one name
        again = batch(
            [path.as_uri().replace("%20", " ").replace("%25", "%") for path in inputs], engine="spark"
        )
        assert again == batch(inputs)
        assert pieces[0] >= 8
        assert spark.conf.get("spark.sql.files.maxPartitionBytes") == "134217728b"

    def test_the_notebook_of_the_page_works(self, spark, tmp_path, monkeypatch, batch):
        page = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
        code = re.search(r"## Spark\n.*?```python\n(.*?)```", page, re.DOTALL)[1]
        (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
        monkeypatch.chdir(tmp_path)
        written = tmp_path / "out5"  # Java keeps the folder it was started in
        code = code.replace('"out5"', repr(str(written)))
        exec(compile(code, "docs/batch.md", "exec"), {"spark": spark})
        local = batch(ROOT / "fixtures" / "patients")["findings.ndjson"]
        told = spark.read.text(str(written)).collect()
        assert sorted(row["value"] for row in told) == sorted(local.decode().splitlines())

    def test_executors_with_other_content_are_refused(self, spark, knowledge, tmp_path):
        from cds_service.batch.spark import review_with_spark

        other = replace(knowledge, content_hash="0" * 64)
        with pytest.raises(BatchError, match=r"^executor: B061: .*\(other content\)"):
            review_with_spark(spark, BUNDLES[:1], knowledge=other, as_of=AS_OF)

    def test_an_address_that_is_not_there_is_told(self, spark, batch, tmp_path):
        with pytest.raises(BatchError, match="B001"):
            batch((tmp_path / "nowhere").as_uri(), engine="spark")

    def test_the_command_runs_it(self, spark, tmp_path):
        out = tmp_path / "out"
        asked = [str(BUNDLES[0]), "--out", str(out), "--as-of", "2026-11-20", "--engine", "spark"]
        done = CliRunner().invoke(twitch_cds, ["batch", *asked])
        assert done.exit_code == 0, done.output
        assert sorted(path.name for path in out.iterdir()) == sorted([*OUTPUTS, "timings.json"])

    def test_our_own_session_listens_on_loopback_and_shows_no_pages(self, spark):
        told = spark.sparkContext.getConf()
        assert told.get("spark.driver.bindAddress") == told.get("spark.driver.host") == "127.0.0.1"
        assert spark.sparkContext.uiWebUrl is None


@pytest.mark.parametrize(
    ("inputs", "options", "code"),
    [
        ([BUNDLES[0]], {"engine": "flink"}, "B067"),
        ([BUNDLES[0]], {"engine": "spark", "resume": True}, "B063"),
        ([BUNDLES[0]], {"engine": "spark", "limit": 3}, "B063"),
        (["-"], {"engine": "spark"}, "B063"),
        ([BUNDLES[0], "s3a://bucket/export"], {"engine": "spark"}, "B064"),
    ],
)
def test_what_spark_cannot_do_is_refused_before_it_begins(batch, inputs, options, code):
    with pytest.raises(BatchError, match=code):
        batch(inputs, **options)


def test_without_the_extra_the_message_says_what_to_install(batch, monkeypatch):
    monkeypatch.delitem(sys.modules, "cds_service.batch.spark.driver", raising=False)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    monkeypatch.setitem(sys.modules, "pyspark.errors", None)
    with pytest.raises(BatchError, match=r'B060.*pip install "twitch-cds\[spark\]"'):
        batch(BUNDLES[:1], engine="spark")
