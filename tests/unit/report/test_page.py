"""The report as a file: it needs nothing, breaks by nothing, and says what is wrong."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import dms_events.report
from dms_events.errors import ConfigError
from dms_events.report import write_report
from tests.kit.report import START, call, onboarded, report, service, store


def test_the_page_needs_no_network(tmp_path: Path) -> None:
    page = report(tmp_path, [(START, call(1))])
    assert page.links == ["data:,"]
    assert page.policy.startswith("default-src 'none';")
    assert "http" not in page.policy
    assert not any("sourceMappingURL" in script for script in page.scripts)
    assert "http" not in page.scripts[0]


def test_text_of_an_event_cannot_break_the_page(tmp_path: Path) -> None:
    bad = '</script><script>alert(1)</script><!--<script>$title & "quoted" <b>'
    bad_ones = (service("s", bad), call(1, bad), onboarded(bad))
    page = report(tmp_path, [(START, event) for event in bad_ones], title=bad)
    assert len(page.scripts) == 5
    assert "alert(1)" not in "".join(page.scripts[1:])
    assert page.texts.count(bad) == 3
    assert page.drawn("Most called services")[0]["label"] == bad


def test_a_picture_without_events_says_so(tmp_path: Path) -> None:
    page = report(tmp_path, [(START, onboarded("p"))])
    assert len(page.specs) == 3
    assert page.texts.count("No such events yet.") == 3


def test_an_empty_database_gives_a_page_that_says_so(tmp_path: Path) -> None:
    page = report(tmp_path, [])
    assert page.specs == []
    assert any("no event has been stored" in text for text in page.texts)


def test_the_database_is_not_changed(tmp_path: Path) -> None:
    database = store(tmp_path / "ev#e%20n?ts.db", [(START, onboarded("p"))])
    before = database.read_bytes()
    write_report(database, tmp_path / "report.html")
    assert database.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [database.name, "report.html"]


def test_a_sink_may_write_meanwhile(tmp_path: Path) -> None:
    database = store(tmp_path / "events.db", [(START, onboarded("p"))])
    writer = sqlite3.connect(database, isolation_level=None)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("BEGIN IMMEDIATE")
    write_report(database, tmp_path / "report.html")
    writer.close()


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to look at" * 100])
def test_what_is_no_such_database_is_a_config_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "events.db").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        write_report(tmp_path / "events.db", tmp_path / "report.html")
    assert caught.value.setting == "database"
    assert not (tmp_path / "report.html").exists()


def test_a_missing_database_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist") as caught:
        write_report(tmp_path / "none.db", tmp_path / "report.html")
    assert caught.value.setting == "database"
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_cannot_be_written_is_a_config_error(tmp_path: Path) -> None:
    database = store(tmp_path / "events.db", [])
    for out in (tmp_path / "missing" / "report.html", tmp_path, database):
        with pytest.raises(ConfigError) as caught:
            write_report(database, out)
        assert caught.value.setting == "out"


def test_the_scripts_are_those_that_their_readme_names() -> None:
    vendor = Path(dms_events.report.__file__).parent / "vendor"
    readme = (vendor / "README.md").read_text(encoding="utf-8")
    scripts = sorted(vendor.glob("*.js"))
    assert len(scripts) == 3
    for script in scripts:
        assert hashlib.sha256(script.read_bytes()).hexdigest() in readme
        assert (vendor / f"LICENSE.{script.name.removesuffix('.min.js')}").is_file()


def test_the_library_does_not_import_the_report() -> None:
    code = "import sys, dms_events; sys.exit('dms_events.report' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
