"""Values that several types share."""

from __future__ import annotations

from typing import Final

from ._enums import OpenStrEnum

__all__ = ["STORAGE_PROVIDER_IPFS", "STORAGE_PROVIDER_S3", "JobStatus", "TransactionType"]

STORAGE_PROVIDER_S3: Final = "s3"
STORAGE_PROVIDER_IPFS: Final = "ipfs"


class JobStatus(OpenStrEnum):
    """What ``job_status`` says of a job; Go holds it as a plain string."""

    RUNNING = "running"
    FINISHED_WITHOUT_ERRORS = "finished without errors"
    FINISHED_WITH_ERRORS = "finished with errors"


class TransactionType(OpenStrEnum):
    """What ``transaction_type`` says of a service's payment; Go holds it as a plain string."""

    RUNNING = "running"
    DONE = "done"
    WITHDRAW = "withdraw"
    REFUND = "refund"
    DISTRIBUTE = "distribute"
