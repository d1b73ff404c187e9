"""Values that several types share."""

from __future__ import annotations

from typing import Final

from ._enums import OpenStrEnum

__all__ = ["STORAGE_PROVIDER_IPFS", "STORAGE_PROVIDER_S3", "JobStatus", "TransactionType"]

STORAGE_PROVIDER_S3: Final = "s3"
STORAGE_PROVIDER_IPFS: Final = "ipfs"


class JobStatus(OpenStrEnum):
    """The values of ``job_status``. Go has them as plain strings."""

    RUNNING = "running"
    FINISHED_WITHOUT_ERRORS = "finished without errors"
    FINISHED_WITH_ERRORS = "finished with errors"


class TransactionType(OpenStrEnum):
    """The values of ``transaction_type`` of a service's payment. Go has them as plain strings."""

    RUNNING = "running"
    DONE = "done"
    WITHDRAW = "withdraw"
    REFUND = "refund"
    DISTRIBUTE = "distribute"
