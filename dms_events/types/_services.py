"""What a machine keeps of the services that run on it; published in `machine`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from ._wire import ZERO_TIME, GoStruct, Int, Time, Uint
from .types import BaseDBModel

__all__ = ["ContainerImages", "ServiceResourceRequirements", "Services"]

Minutes = Annotated[Int, Meta(description="minutes")]


class Services(BaseDBModel, kw_only=True):
    """A service that runs, or ran, on a machine. Part of the PeerData that a node advertises."""

    tx_hash: Annotated[str, Meta(description="hash of the payment's transaction")] = field(
        name="TxHash", default=""
    )
    transaction_type: Annotated[str, Meta(description="a constants.TransactionType")] = field(
        name="TransactionType", default=""
    )
    job_status: Annotated[str, Meta(description="a constants.JobStatus")] = field(
        name="JobStatus", default=""
    )
    job_duration: Minutes = field(name="JobDuration", default=0)
    estimated_job_duration: Minutes = field(name="EstimatedJobDuration", default=0)
    service_name: str = field(name="ServiceName", default="")
    container_id: str = field(name="ContainerID", default="")
    resource_requirements: Annotated[
        Int, Meta(description="database row of its ServiceResourceRequirements")
    ] = field(name="ResourceRequirements", default=0)
    image_id: Annotated[str, Meta(description="container image that it runs")] = field(
        name="ImageID", default=""
    )
    log_url: str = field(name="LogURL", default="")
    last_log_fetch: Annotated[Time, Meta(description="when its log was last fetched")] = field(
        name="LastLogFetch", default=ZERO_TIME
    )
    service_provider_addr: Annotated[
        str, Meta(description="wallet address of the service provider")
    ] = field(name="ServiceProviderAddr", default="")
    compute_provider_addr: Annotated[
        str, Meta(description="wallet address of the compute provider")
    ] = field(name="ComputeProviderAddr", default="")
    metadata_hash: str = field(name="MetadataHash", default="")
    withdraw_hash: Annotated[str, Meta(description="hash that allows to withdraw")] = field(
        name="WithdrawHash", default=""
    )
    refund_hash: Annotated[
        str, Meta(description="hash that allows a refund, kept for the request of the reward")
    ] = field(name="RefundHash", default="")
    distribute_50_hash: Annotated[str, Meta(description="hash that allows to pay out 50 %")] = (
        field(name="Distribute_50Hash", default="")
    )
    distribute_75_hash: Annotated[str, Meta(description="hash that allows to pay out 75 %")] = (
        field(name="Distribute_75Hash", default="")
    )
    signature_datum: str = field(name="SignatureDatum", default="")
    message_hash_datum: str = field(name="MessageHashDatum", default="")
    datum: str = field(name="Datum", default="")
    signature_action: Annotated[
        str, Meta(description="kept so that the oracle need not be called again")
    ] = field(name="SignatureAction", default="")
    message_hash_action: str = field(name="MessageHashAction", default="")
    action: str = field(name="Action", default="")


class ServiceResourceRequirements(BaseDBModel, kw_only=True):
    """The resources that a service needs, as the node keeps them."""

    cpu: Int = field(name="CPU", default=0)
    ram: Int = field(name="RAM", default=0)
    vcpu: Annotated[Int, Meta(description="number of virtual CPUs")] = field(name="VCPU", default=0)
    hdd: Annotated[Int, Meta(description="disk space")] = field(name="HDD", default=0)


class ContainerImages(GoStruct, kw_only=True):
    """A container image as the node keeps it. Go embeds gorm.Model here, whose id is a number."""

    id: Uint = field(name="ID", default=0)
    created_at: Time = field(name="CreatedAt", default=ZERO_TIME)
    updated_at: Time = field(name="UpdatedAt", default=ZERO_TIME)
    deleted_at: Time | None = field(name="DeletedAt", default=None)
    image_id: str = field(name="ImageID", default="")
    image_name: str = field(name="ImageName", default="")
    digest: str = field(name="Digest", default="")
