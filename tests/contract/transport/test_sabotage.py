"""The suite fails where a promise is broken, says which one, and is not green if it tested nothing."""

from __future__ import annotations

import inspect

import pytest

from dms_events.testing.transport_contract import TransportContract, events
from dms_events.testing.transport_contract.promises import needs_of

from .sabotage import SABOTAGES, Wrong

FILE = """
import pytest
from dms_events.testing.transport_contract import TransportContract
from tests.contract.transport.sabotage import Sabotaged

class {name}(TransportContract):
    @pytest.fixture
    def harness(self):
        harness = Sabotaged("{sabotage}")
        harness.unfit = {unfit}
        return harness
"""
WHOLE = "test_the_suite_is_run_as_it_was_shipped"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    monkeypatch.setattr(events, "PATIENCE_S", 1.0)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")


def run(
    pytester: pytest.Pytester,
    test: str = "",
    *,
    sabotage: str = "",
    name: str = "TestIt",
    unfit: dict[str, str] | None = None,
    more: str = "",
) -> pytest.RunResult:
    """Run a test of the suite, or all, as somebody does who has it from a package."""
    path = pytester.makepyfile(FILE.format(name=name, sabotage=sabotage, unfit=unfit or {}) + more)
    node = f"{path.name}::{name}::{test}" if test else path.name
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-rs", node)


def shipped() -> dict[str, object]:
    names = (name for name in dir(TransportContract) if name.startswith("test_"))
    return {name: getattr(TransportContract, name) for name in names}


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.__name__)
def test_whoever_breaks_a_promise_is_told_which_one_and_how_to_mend_it(
    pytester: pytest.Pytester, sabotage: type[Wrong]
) -> None:
    test = SABOTAGES[sabotage]
    told = run(pytester, test, sabotage=sabotage.__name__)
    told.assert_outcomes(failed=1)
    said = inspect.cleandoc(str(shipped()[test].__doc__)).partition("\n\n")[0]
    output = " ".join(told.stdout.str().replace("\nE ", " ").split())
    assert f"Broken promise: {' '.join(said.split())}" in output
    assert "To mend it: " in output


@pytest.mark.parametrize("test", sorted(set(SABOTAGES.values())))
def test_no_test_fails_on_a_transport_that_breaks_nothing(
    pytester: pytest.Pytester, test: str
) -> None:
    outcomes = run(pytester, test).parseoutcomes()
    assert set(outcomes) <= {"passed", "skipped"}


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


def test_a_promise_that_is_not_made_is_skipped_with_the_reason(pytester: pytest.Pytester) -> None:
    told = run(pytester, "test_an_id_that_another_node_copies_suppresses_nobody")
    told.assert_outcomes(skipped=1)
    told.stdout.fnmatch_lines("*does not promise it: Guarantees.authenticates is False*")


def test_a_test_that_a_place_cannot_run_is_skipped_with_its_reason(
    pytester: pytest.Pytester,
) -> None:
    test = "test_close_sends_what_was_published"
    told = run(pytester, test, unfit={test: "it has no close"})
    told.assert_outcomes(skipped=1)
    told.stdout.fnmatch_lines("*it has no close*")


def test_a_class_is_run_whatever_its_name_and_the_suite_alone_is_not(
    pytester: pytest.Pytester,
) -> None:
    told = run(pytester, WHOLE, name="FolderContract")
    told.assert_outcomes(passed=1)
    pytester.makepyfile("from dms_events.testing.transport_contract import TransportContract")
    alone = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    assert alone.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_class_without_a_harness_fails_and_is_told_to_define_one(
    pytester: pytest.Pytester,
) -> None:
    more = "\nclass TestBare(TransportContract): pass\n"
    path = pytester.makepyfile(FILE.format(name="TestIt", sabotage="", unfit={}) + more)
    told = pytester.runpytest_inprocess(f"{path.name}::TestBare::{WHOLE}")
    told.assert_outcomes(errors=1)
    told.stdout.fnmatch_lines("*TestBare has no harness: define a fixture `harness`*")


@pytest.mark.parametrize(
    ("unfit", "more", "told"),
    [
        ({"test_a_typing_error": "?"}, "", "`unfit` names no tests of the suite"),
        ({}, "\n    def test_close_sends_what_was_published(self): pass\n", "replaces these tests"),
        (
            {n: "?" for n, test in shipped().items() if n != WHOLE},
            "",
            "no test of these is left",
        ),
        (
            {
                name: "?"
                for name, test in shipped().items()
                if any("Guarantees.ordered" in need.reason for need in needs_of(test))
            },
            "",
            "Guarantees.ordered is False",
        ),
    ],
    ids=["unknown", "replaced", "nothing left", "a promise left out"],
)
def test_a_suite_that_tests_less_than_what_is_promised_is_not_green(
    pytester: pytest.Pytester, unfit: dict[str, str], more: str, told: str
) -> None:
    output = run(pytester, WHOLE, unfit=unfit, more=more)
    output.assert_outcomes(failed=1)
    output.stdout.fnmatch_lines(f"*{told}*")
