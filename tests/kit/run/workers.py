"""A pytest plugin: which tests the workers of a run get, and in which order."""

from __future__ import annotations

import json
import os
from functools import cached_property

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]
from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

from tests.kit.run.leftovers import run_folder

_GROUPING = {"elasticsearch_url", "elasticsearch_8_url", "secured_elasticsearch"}
"""Session fixtures that are too dear for each worker to have its own: they group their tests."""


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives the tests of an ``xdist_group`` to one worker, and the others one by one.

    Xdist's own ``--dist loadgroup`` writes the group into the name of a test, which pytest 9.2 ignores.

    Half of the workers begin with the longest tests, the others at the other end: the long ones wait most
    of their time, in which others can be at work.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        if self.nodes.index(node) % 2:
            scope = next(reversed(self.workqueue))
            self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        return self._groups.get(nodeid, nodeid)

    @cached_property
    def _groups(self) -> dict[str, str]:
        return dict(json.loads((run_folder() / "groups").read_text()))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> GroupScheduling:
    return GroupScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest tests begin first, so that no worker has one left when the others are done."""
    if _is_worker(config):
        items.sort(key=_is_long, reverse=True)


@pytest.hookimpl(tryfirst=True)  # before xdist tells the process that schedules
def pytest_collection_finish(session: pytest.Session) -> None:
    """Workers know the groups, and the process that schedules knows names of tests only."""
    if _is_worker(session.config):
        groups = {item.nodeid: group for item in session.items if (group := _group_of(item))}
        written = run_folder() / f"groups-{os.getpid()}"
        written.write_text(json.dumps(groups))
        written.replace(run_folder() / "groups")


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _group_of(item: pytest.Item) -> str:
    if mark := item.get_closest_marker("xdist_group"):
        return str(mark.args[0])
    return next(iter(_GROUPING.intersection(getattr(item, "fixturenames", ()))), "")


def _is_long(item: pytest.Item) -> bool:
    return any(map(item.get_closest_marker, ("slow", "soak")))
