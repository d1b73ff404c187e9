"""Names and types, there and back."""

from __future__ import annotations

import pytest

from dms_events import UnknownTypeError, registry


def test_there_is_one_spec_config() -> None:
    assert registry.get("execution.SpecConfig") is registry.get("spec_config.SpecConfig")
    assert registry.resolve("execution.SpecConfig") == "spec_config.SpecConfig"
    assert registry.resolve("SpecConfig") == "spec_config.SpecConfig"


def test_a_bare_name_that_two_modules_have_is_refused() -> None:
    with pytest.raises(UnknownTypeError, match=r"machine\.FreeResources, resource\.FreeResources"):
        registry.resolve("FreeResources")


def test_a_pattern_gives_each_type_once() -> None:
    assert registry.matching("*") == sorted(
        {registry.name_of(registry.get(n)) for n in registry.names()}
    )
    assert "spec_config.SpecConfig" in registry.matching("execution.*")
    assert registry.matching("machine.resources") == ["machine.resources"]


def test_a_text_is_no_message_type() -> None:
    with pytest.raises(UnknownTypeError, match="it is not a DMS type"):
        registry.name_of(str)


@pytest.mark.parametrize("name", ["machine.Nothing", "nothing.*", "Nothing"])
def test_a_name_that_nothing_has_is_refused(name: str) -> None:
    with pytest.raises(UnknownTypeError, match="unknown type"):
        registry.matching(name)
