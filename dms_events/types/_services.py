"""Records about the services on a machine; `machine` publishes these types."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta, field

from ._wire import ZERO_TIME, GoStruct, Int, Int64, Time, Uint, unit
from .types import BaseDBModel, CreatedAt, RecordDeletedAt, UpdatedAt

__all__ = ["ContainerImages", "ServiceResourceRequirements", "Services"]

ImageId = Annotated[str, Meta(description="id of the container image")]


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
    job_duration: Annotated[Int64, unit("min"), Meta(description="duration of the job")] = field(
        name="JobDuration", default=0
    )
    estimated_job_duration: Annotated[
        Int64, unit("min"), Meta(description="estimate of the job's duration")
    ] = field(name="EstimatedJobDuration", default=0)
    service_name: Annotated[str, Meta(description="name of the service")] = field(
        name="ServiceName", default=""
    )
    container_id: Annotated[str, Meta(description="id of the service's container")] = field(
        name="ContainerID", default=""
    )
    resource_requirements: Annotated[
        Int, Meta(description="database row of the ServiceResourceRequirements")
    ] = field(name="ResourceRequirements", default=0)
    image_id: ImageId = field(name="ImageID", default="")
    log_url: Annotated[str, Meta(description="URL of the service's log")] = field(
        name="LogURL", default=""
    )
    last_log_fetch: Annotated[Time, Meta(description="time at which the log was last fetched")] = (
        field(name="LastLogFetch", default=ZERO_TIME)
    )
    service_provider_addr: Annotated[
        str, Meta(description="wallet address of the service provider")
    ] = field(name="ServiceProviderAddr", default="")
    compute_provider_addr: Annotated[
        str, Meta(description="wallet address of the compute provider")
    ] = field(name="ComputeProviderAddr", default="")
    metadata_hash: Annotated[str, Meta(description="hash of the job's metadata")] = field(
        name="MetadataHash", default=""
    )
    withdraw_hash: Annotated[str, Meta(description="hash that allows a withdrawal")] = field(
        name="WithdrawHash", default=""
    )
    refund_hash: Annotated[
        str, Meta(description="hash that allows a refund, kept for the reward request")
    ] = field(name="RefundHash", default="")
    distribute_50_hash: Annotated[str, Meta(description="hash that allows to pay out 50 %")] = (
        field(name="Distribute_50Hash", default="")
    )
    distribute_75_hash: Annotated[str, Meta(description="hash that allows to pay out 75 %")] = (
        field(name="Distribute_75Hash", default="")
    )
    signature_datum: Annotated[str, Meta(description="signature of the datum")] = field(
        name="SignatureDatum", default=""
    )
    message_hash_datum: Annotated[str, Meta(description="message hash of the datum")] = field(
        name="MessageHashDatum", default=""
    )
    datum: Annotated[str, Meta(description="signed datum")] = field(name="Datum", default="")
    signature_action: Annotated[
        str,
        Meta(description="signature of the action, kept so that the oracle is not called again"),
    ] = field(name="SignatureAction", default="")
    message_hash_action: Annotated[str, Meta(description="message hash of the action")] = field(
        name="MessageHashAction", default=""
    )
    action: Annotated[str, Meta(description="signed action")] = field(name="Action", default="")


class ServiceResourceRequirements(BaseDBModel, kw_only=True):
    """The resources that a service needs. The node keeps them in its database."""

    cpu: Annotated[Int, Meta(description="CPU capacity")] = field(name="CPU", default=0)
    ram: Annotated[Int, Meta(description="memory")] = field(name="RAM", default=0)
    vcpu: Annotated[Int, Meta(description="number of virtual CPUs")] = field(name="VCPU", default=0)
    hdd: Annotated[Int, Meta(description="disk space")] = field(name="HDD", default=0)


class ContainerImages(GoStruct, kw_only=True):
    """A container image. The node keeps it in its database. Its id is a number, not a UUID."""

    go_embeds: ClassVar[tuple[str, ...]] = ("gorm.Model",)

    id: Annotated[Uint, Meta(description="number of the record")] = field(name="ID", default=0)
    created_at: CreatedAt = field(name="CreatedAt", default=ZERO_TIME)
    updated_at: UpdatedAt = field(name="UpdatedAt", default=ZERO_TIME)
    deleted_at: RecordDeletedAt = field(name="DeletedAt", default=None)
    image_id: ImageId = field(name="ImageID", default="")
    image_name: Annotated[str, Meta(description="name of the container image")] = field(
        name="ImageName", default=""
    )
    digest: Annotated[str, Meta(description="digest of the container image")] = field(
        name="Digest", default=""
    )
