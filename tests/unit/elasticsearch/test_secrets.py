"""The login is in no log line, repr or error of the sink."""

from __future__ import annotations

import base64
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from dms_events.errors import ConfigError, SinkError
from dms_events_elasticsearch import ElasticsearchSink
from tests.kit.servers.scripted_elasticsearch import documents, failure, server

SECRET = "aHVzaDpodXNo"
FORMS = (SECRET, base64.b64encode(f"me:{SECRET}".encode()).decode())


def ways(tmp_path: Path) -> list[dict[str, Any]]:
    (file := tmp_path / "secret").write_text(SECRET)
    return [
        {"api_key": SECRET},
        {"api_key": file},
        {"bearer_auth": SECRET},
        {"basic_auth": ("me", SECRET)},
        {"basic_auth": ("me", file)},
    ]


async def test_a_login_is_in_no_log_line_and_in_no_repr(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = ""
    for options in ways(tmp_path):
        async with server() as url, ElasticsearchSink(url, **options) as sink:
            await sink.write(documents(2))
            shown += repr(sink) + repr(vars(sink))
    assert "/_bulk" in caplog.text
    assert not [form for form in FORMS if form in caplog.text + shown]


async def test_a_login_is_in_no_error(tmp_path: Path) -> None:
    def full(ids: list[str]) -> tuple[int, object]:
        return failure(503, "unavailable")

    for options in ways(tmp_path):
        async with server(full) as url:
            async with ElasticsearchSink(url, **options) as sink:
                with pytest.raises(SinkError) as late:
                    await sink.write(documents(1))
            async with server(info=failure(401, "security_exception")) as refusing:
                with pytest.raises(ConfigError) as refused:
                    await ElasticsearchSink(refusing, **options).open()
        for error in (late.value, refused.value):
            text = "".join(traceback.format_exception(error)) + repr(error)
            text += repr(error.__cause__) + repr(vars(error))
            assert not [form for form in FORMS if form in text]


@pytest.mark.parametrize("content", ["", " \n", "two\nlines", "a\x00b", "x" * 70_000, "\ud800"])
async def test_a_file_that_holds_no_secret_is_an_error_that_shows_none_of_it(
    tmp_path: Path, content: str
) -> None:
    (file := tmp_path / "secret").write_text(content, errors="surrogatepass")
    with pytest.raises(SinkError, match="has to hold one line") as raised:
        await ElasticsearchSink("http://127.0.0.1:1", api_key=file).open()
    assert str(raised.value) == (
        f"connecting: {file} has to hold one line, the secret, and nothing else"
    )


@pytest.mark.parametrize("key", ["", "two words", "line\n", "é"])
def test_a_key_that_no_server_gave_is_an_error_that_does_not_show_it(key: str) -> None:
    with pytest.raises(ConfigError) as raised:
        ElasticsearchSink("http://127.0.0.1:1", api_key=key)
    assert raised.value.reason.startswith("is not as the server gave it")
