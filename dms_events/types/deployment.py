"""The messages of a job's deployment: the request, its answers, and the records of them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from ._wire import ZERO_TIME, GoStruct, Int, Time, unit
from .types import BaseDBModel

__all__ = [
    "BlockchainTxStatus",
    "DeploymentConstraints",
    "DeploymentParams",
    "DeploymentRequest",
    "DeploymentRequestFlat",
    "DeploymentResponse",
    "DeploymentUpdate",
    "ResumeJob",
    "TraceInfo",
]


class ResumeJob(GoStruct, kw_only=True):
    """The choice to resume an earlier job, and the file with its progress."""

    resume: Annotated[bool, Meta(description="true if an earlier job is resumed")] = False
    progress_file: Annotated[str, Meta(description="path of the file with the progress")] = ""


class DeploymentParams(GoStruct, kw_only=True):
    """The job to run and the two nodes. In Go: the anonymous struct ``Params`` of a DeploymentRequest."""

    image_id: Annotated[str, Meta(description="container image to run")] = ""
    model_url: Annotated[str, Meta(description="URL of the model to run")] = ""
    resume_job: Annotated[ResumeJob, Meta(description="how an earlier job is resumed")] = field(
        default_factory=ResumeJob
    )
    packages: Annotated[list[str], Meta(description="packages that the job needs")] = field(
        default_factory=list
    )
    remote_node_id: Annotated[
        str, Meta(description="node id of the compute provider, which runs the job")
    ] = field(name="node_id", default="")
    remote_public_key: Annotated[str, Meta(description="public key of the compute provider")] = (
        field(name="public_key", default="")
    )
    local_node_id: Annotated[
        str, Meta(description="node id of the service provider, which asks for the job")
    ] = ""
    local_public_key: Annotated[str, Meta(description="public key of the service provider")] = ""
    machine_type: Annotated[str, Meta(description="kind of machine that the job needs")] = ""


class DeploymentConstraints(GoStruct, kw_only=True):
    """Limits of the job. In Go: the anonymous struct ``Constraints`` of a DeploymentRequest."""

    complexity: Annotated[str, Meta(description="complexity class of the job")] = ""
    cpu: Annotated[Int, unit("MHz"), Meta(description="CPU capacity, as in onboarding")] = 0
    ram: Annotated[Int, unit("MB"), Meta(description="memory, as in onboarding")] = 0
    vram: Annotated[Int, Meta(description="memory of the GPU")] = 0
    power: Annotated[Int, Meta(description="power")] = 0
    time: Annotated[Int, Meta(description="time that the job may take")] = 0


class TraceInfo(GoStruct, kw_only=True):
    """The trace of a request. In Go: the anonymous struct ``TraceInfo`` of a DeploymentRequest."""

    trace_id: Annotated[str, Meta(description="id of the trace")] = ""
    span_id: Annotated[str, Meta(description="id of the span")] = ""
    trace_flags: Annotated[str, Meta(description="flags of the trace")] = ""
    trace_states: Annotated[str, Meta(description="W3C trace state")] = field(
        name="trace_state", default=""
    )


class DeploymentRequest(GoStruct, kw_only=True):
    """A service provider asks a compute provider to run a job, and has paid for it on a blockchain."""

    requester_wallet_address: Annotated[
        str, Meta(description="wallet address of the service provider")
    ] = field(name="address_user", default="")
    max_ntx: Annotated[Int, unit("NTX"), Meta(description="upper limit of the job's price")] = 0
    blockchain: Annotated[str, Meta(description="blockchain of the payment")] = ""
    tx_hash: Annotated[str, Meta(description="hash of the payment's transaction")] = ""
    service_type: Annotated[str, Meta(description="kind of the requested service")] = ""
    timestamp: Annotated[Time, Meta(description="time at which the request was made")] = ZERO_TIME
    metadata_hash: Annotated[str, Meta(description="hash of the job's metadata")] = ""
    withdraw_hash: Annotated[str, Meta(description="hash that allows a withdrawal")] = ""
    refund_hash: Annotated[str, Meta(description="hash that allows a refund")] = ""
    distribute_50_hash: Annotated[str, Meta(description="hash that allows to pay out 50 %")] = ""
    distribute_75_hash: Annotated[str, Meta(description="hash that allows to pay out 75 %")] = ""
    params: Annotated[DeploymentParams, Meta(description="the job to run and the two nodes")] = (
        field(default_factory=DeploymentParams)
    )
    constraints: Annotated[DeploymentConstraints, Meta(description="limits of the job")] = field(
        default_factory=DeploymentConstraints
    )
    trace_info: Annotated[TraceInfo, Meta(description="distributed trace of the request")] = field(
        name="traceinfo", default_factory=TraceInfo
    )


class DeploymentResponse(GoStruct, kw_only=True):
    """A compute provider answers a DeploymentRequest."""

    success: Annotated[bool, Meta(description="true if the deployment succeeded")] = False
    content: Annotated[
        str, Meta(description="result of the deployment, or the reason of its failure")
    ] = ""


class DeploymentUpdate(GoStruct, kw_only=True):
    """A report about a running deployment."""

    msg_type: Annotated[str, Meta(description="subject matter of the message")] = ""
    msg: Annotated[str, Meta(description="the message")] = ""


class DeploymentRequestFlat(BaseDBModel, kw_only=True):
    """A DeploymentRequest. The service provider's node keeps it in its database."""

    deployment_request: Annotated[str, Meta(description="the request, as JSON")] = ""
    job_status: Annotated[
        str, Meta(description="status of the job, as in machine.Services of the other node")
    ] = ""


class BlockchainTxStatus(GoStruct, kw_only=True):
    """The status of a payment transaction of a job."""

    transaction_type: Annotated[
        str, Meta(description="kind of transaction; the DMS may deprecate it")
    ] = ""
    transaction_status: Annotated[str, Meta(description="status of the transaction")] = ""
    tx_hash: Annotated[str, Meta(description="hash of the transaction")] = ""
