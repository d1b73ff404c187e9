"""``dms-events worker`` with a worker that only answers requests."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import dms_events
from dms_events import NoResponderError
from dms_events.types.deployment import DeploymentRequest, DeploymentResponse
from dms_events_nats import NatsServer
from tests.contract.places import until
from tests.kit.programs.processes import CLI, running

CODE = """
import dms_events
from dms_events.types.deployment import DeploymentRequest, DeploymentResponse

worker = dms_events.Worker()

@worker.reply(DeploymentRequest)
async def deploy(event):
    return DeploymentResponse(success=True)
"""


async def test_a_worker_that_only_replies_runs_until_a_signal(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    (tmp_path / "deploying.py").write_text(CODE)
    command = (*CLI, "worker", "deploying:worker", "--url", nats_server.url, "--json")
    async with (
        dms_events.connect(nats_server.url, durable=False) as bus,
        running(*command, cwd=tmp_path) as worker,
    ):

        async def answered() -> bool:
            try:
                response = await bus.request(DeploymentRequest(), DeploymentResponse)
            except NoResponderError:
                return False
            return response.success

        await until(answered, within_s=30)
        worker.send(signal.SIGTERM)
        ended = await worker.finish()
    assert ended.code == 0
    assert json.loads(ended.out)["answered"] == 1
    first = ended.err.splitlines()[0]
    assert first == "deploying:worker, replies: requests of deployment.DeploymentRequest → deploy"
