"""The suite fails where a promise is broken, says which one, and is not green if it tested nothing."""

from __future__ import annotations

import inspect
from xml.etree import ElementTree

import pytest

from dms_events.testing.transport_contract import TransportContract
from dms_events.testing.transport_contract.promises import FULL, needs_of
from tests.kit.paths import HOME

from .sabotage import SABOTAGES

FILE = """
import pytest
from dms_events.testing.transport_contract import TransportContract
from tests.contract.transport.sabotage import Sabotaged
"""
CLASS = """
class {name}(TransportContract):
    @pytest.fixture
    def harness(self):
        harness = Sabotaged("{sabotage}")
        harness.unfit = {unfit}
        return harness
"""
REPLACED = """
    def test_close_sends_what_was_published(self): pass
"""
BYTES = """
class TestBytes(TransportContract):
    @pytest.fixture
    def harness(self):
        return Sabotaged("", "bytes")
"""
CRAMPED = """
class Cramped(Sabotaged):
    def room(self, *, messages=None, size=None):
        return {"max_messages": messages - 1} if messages else None

class TestCramped(TransportContract):
    @pytest.fixture
    def harness(self):
        return Cramped("")
"""
WHOLE = "test_the_suite_is_run_as_it_was_shipped"


@pytest.fixture(autouse=True)
def configured(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HOME))
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")


def run(pytester: pytest.Pytester, classes: str, *tests: str) -> pytest.RunResult:
    """Run tests of some classes as somebody does who has the suite from a package."""
    path = pytester.makepyfile(test_it=FILE + classes)
    nodes = [f"{path.name}::{test}" for test in tests]
    return pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-rs", "--junitxml=told.xml", *nodes
    )


def it(*, name: str = "TestIt", unfit: dict[str, str] | None = None, more: str = "") -> str:
    """A class that tests a transport which breaks nothing."""
    return CLASS.format(name=name, sabotage="", unfit=unfit or {}) + more


def shipped() -> dict[str, object]:
    names = (name for name in dir(TransportContract) if name.startswith("test_"))
    return {name: getattr(TransportContract, name) for name in names}


def test_whoever_breaks_a_promise_is_told_which_one_and_how_to_mend_it(
    pytester: pytest.Pytester,
) -> None:
    names = {f"Test{kind.__name__}": test for kind, test in SABOTAGES.items()}
    classes = (CLASS.format(name=n, sabotage=n.removeprefix("Test"), unfit={}) for n in names)
    nodes = (f"{name}::{test}" for name, test in names.items())
    told = run(pytester, "".join(classes), *nodes)
    told.assert_outcomes(failed=len(SABOTAGES))
    cases = ElementTree.parse(pytester.path / "told.xml").iter("testcase")
    texts = {case.attrib["classname"].partition(".")[2]: case[0].text for case in cases}
    for name, test in names.items():
        said = inspect.cleandoc(str(shipped()[test].__doc__)).partition("\n\n")[0]
        text = str(texts[name])
        assert f"Broken promise: {' '.join(said.split())}" in text, name
        assert "To mend it: " in text, name


def test_none_of_these_tests_fails_on_a_transport_that_breaks_nothing(
    pytester: pytest.Pytester,
) -> None:
    tests = sorted(set(SABOTAGES.values()))
    outcomes = run(pytester, it(), *(f"TestIt::{test}" for test in tests)).parseoutcomes()
    assert set(outcomes) == {"passed", "skipped"}
    assert outcomes["passed"] >= len(tests) - 3


def test_a_sabotage_breaks_each_promise_of_the_guarantees() -> None:
    broken = {need for test in SABOTAGES.values() for need in needs_of(shipped()[test])}
    needed = {need for test in shipped().values() for need in needs_of(test)}
    conditions = ("transport promises more", "proves the source", "too large", "names the peer")
    assert {
        need.reason
        for need in needed - broken
        if not any(condition in need.reason for condition in conditions)
    } == set()


def test_each_test_of_the_suite_names_its_promise_and_how_to_mend_it() -> None:
    assert len(shipped()) > 80
    for name, test in shipped().items():
        promise, _, mend = str(test.__doc__).partition("To mend it: ")
        assert promise.strip(), name
        assert mend.strip(), name


def test_a_test_that_does_not_run_is_skipped_with_the_reason(pytester: pytest.Pytester) -> None:
    unfit = "test_close_sends_what_was_published"
    unpromised = "test_an_id_that_another_node_copies_suppresses_nobody"
    classes = it(unfit={unfit: "it has no close"})
    told = run(pytester, classes, f"TestIt::{unfit}", f"TestIt::{unpromised}")
    told.assert_outcomes(skipped=2)
    told.stdout.fnmatch_lines("*does not promise it: Guarantees.authenticates is False*")
    told.stdout.fnmatch_lines("*it has no close*")


def test_a_class_is_run_whatever_its_name_and_is_told_if_it_has_no_harness(
    pytester: pytest.Pytester,
) -> None:
    classes = it(name="FolderContract") + "class TestBare(TransportContract): pass"
    told = run(pytester, classes, f"FolderContract::{WHOLE}", f"TestBare::{WHOLE}")
    told.assert_outcomes(passed=1, errors=1)
    told.stdout.fnmatch_lines("*TestBare has no harness: define a fixture `harness`*")


def test_a_place_is_filled_in_bytes_if_it_has_no_limit_in_messages_and_must_be_as_small_as_asked_for(
    pytester: pytest.Pytester,
) -> None:
    full = [f"TestBytes::{name}" for name, test in shipped().items() if FULL in needs_of(test)]
    cramped = "test_a_generator_keeps_what_a_full_stream_did_not_hand_back[63]"
    told = run(pytester, BYTES + CRAMPED, *full, f"TestCramped::{cramped}")
    outcomes = told.parseoutcomes()
    assert set(outcomes) == {"passed", "failed"}
    assert outcomes["passed"] >= len(full) > 5
    assert outcomes["failed"] == 1
    told.stdout.fnmatch_lines("*62 messages fit into a room for 63*")
    told.stdout.fnmatch_lines("*mend `TransportHarness.room`*")


def test_the_suite_alone_tests_nothing_and_that_is_not_green(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=FILE)
    told = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    assert told.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_suite_that_tests_less_than_what_is_promised_is_not_green(
    pytester: pytest.Pytester,
) -> None:
    all_but_one = {name: "?" for name in shipped() if name != WHOLE}
    ordered = {
        name: "?"
        for name, test in shipped().items()
        if any("Guarantees.ordered" in need.reason for need in needs_of(test))
    }
    cases = {
        "TestUnknown": it(name="TestUnknown", unfit={"test_a_typing_error": "?"}),
        "TestReplaced": it(name="TestReplaced", more=REPLACED),
        "TestNothingLeft": it(name="TestNothingLeft", unfit=all_but_one),
        "TestLeavesOut": it(name="TestLeavesOut", unfit=ordered),
    }
    told = run(pytester, "".join(cases.values()), *(f"{name}::{WHOLE}" for name in cases))
    told.assert_outcomes(failed=4)
    for words in (
        "`unfit` names no tests of the suite",
        "your class replaces these tests",
        "no test of these is left",
        "Guarantees.ordered is False",
    ):
        told.stdout.fnmatch_lines(f"*{words}*")
