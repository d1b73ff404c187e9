"""What is said while a job is deployed: the request, its answers, and what is kept of them."""

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
    """Whether, and from where, an earlier job is resumed."""

    resume: Annotated[bool, Meta(description="whether an earlier job is resumed")] = False
    progress_file: Annotated[str, Meta(description="path of the file with the progress")] = ""


class DeploymentParams(GoStruct, kw_only=True):
    """The anonymous struct ``Params`` of a DeploymentRequest: what to run, and who talks to whom."""

    image_id: Annotated[str, Meta(description="container image to run")] = ""
    model_url: Annotated[str, Meta(description="where the model to run is found")] = ""
    resume_job: Annotated[ResumeJob, Meta(description="whether and where it goes on")] = field(
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
    """The anonymous struct ``Constraints`` of a DeploymentRequest: what the job may use."""

    complexity: Annotated[str, Meta(description="complexity class of the job")] = ""
    cpu: Annotated[Int, unit("MHz"), Meta(description="CPU, as in onboarding")] = 0
    ram: Annotated[Int, unit("MB"), Meta(description="memory, as in onboarding")] = 0
    vram: Annotated[Int, Meta(description="memory of the GPU")] = 0
    power: Annotated[Int, Meta(description="power")] = 0
    time: Annotated[Int, Meta(description="time that the job may take")] = 0


class TraceInfo(GoStruct, kw_only=True):
    """The anonymous struct ``TraceInfo`` of a DeploymentRequest: its distributed trace."""

    trace_id: Annotated[str, Meta(description="id of the trace")] = ""
    span_id: Annotated[str, Meta(description="id of the span")] = ""
    trace_flags: Annotated[str, Meta(description="flags of the trace")] = ""
    trace_states: Annotated[str, Meta(description="W3C trace state")] = field(
        name="trace_state", default=""
    )


class DeploymentRequest(GoStruct, kw_only=True):
    """A service provider asks a compute provider to run a job, which it has paid for on a blockchain."""

    requester_wallet_address: Annotated[
        str, Meta(description="wallet address of the service provider")
    ] = field(name="address_user", default="")
    max_ntx: Annotated[Int, unit("NTX"), Meta(description="most that the job may cost")] = 0
    blockchain: Annotated[str, Meta(description="blockchain of the payment")] = ""
    tx_hash: Annotated[str, Meta(description="hash of the payment's transaction")] = ""
    service_type: Annotated[str, Meta(description="kind of service asked for")] = ""
    timestamp: Annotated[Time, Meta(description="when the request was made")] = ZERO_TIME
    metadata_hash: Annotated[str, Meta(description="hash of the job's metadata")] = ""
    withdraw_hash: Annotated[str, Meta(description="hash that allows to withdraw")] = ""
    refund_hash: Annotated[str, Meta(description="hash that allows a refund")] = ""
    distribute_50_hash: Annotated[str, Meta(description="hash that allows to pay out 50 %")] = ""
    distribute_75_hash: Annotated[str, Meta(description="hash that allows to pay out 75 %")] = ""
    params: Annotated[DeploymentParams, Meta(description="what to run, and who talks to whom")] = (
        field(default_factory=DeploymentParams)
    )
    constraints: Annotated[DeploymentConstraints, Meta(description="what the job may use")] = field(
        default_factory=DeploymentConstraints
    )
    trace_info: Annotated[TraceInfo, Meta(description="distributed trace of the request")] = field(
        name="traceinfo", default_factory=TraceInfo
    )


class DeploymentResponse(GoStruct, kw_only=True):
    """A compute provider answers a DeploymentRequest."""

    success: Annotated[bool, Meta(description="whether the deployment succeeded")] = False
    content: Annotated[str, Meta(description="what came of it, or why not")] = ""


class DeploymentUpdate(GoStruct, kw_only=True):
    """Word of a deployment that is under way."""

    msg_type: Annotated[str, Meta(description="what the message is about")] = ""
    msg: Annotated[str, Meta(description="the message")] = ""


class DeploymentRequestFlat(BaseDBModel, kw_only=True):
    """A DeploymentRequest as the service provider's node keeps it."""

    deployment_request: Annotated[str, Meta(description="the request, as JSON")] = ""
    job_status: Annotated[
        str, Meta(description="status of the job, as in machine.Services of the other node")
    ] = ""


class BlockchainTxStatus(GoStruct, kw_only=True):
    """How a transaction of a job's payment stands."""

    transaction_type: Annotated[
        str, Meta(description="kind of transaction; the DMS may deprecate it")
    ] = ""
    transaction_status: Annotated[str, Meta(description="status of the transaction")] = ""
    tx_hash: Annotated[str, Meta(description="hash of the transaction")] = ""
