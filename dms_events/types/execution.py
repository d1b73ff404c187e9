"""The execution of a job: what an executor is given, and what comes of it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from ._enums import OpenStrEnum
from ._wire import GoStruct, Int
from .resource import Resources
from .spec_config import SpecConfig
from .storage import StorageVolume

__all__ = [
    "ExecutionRequest",
    "ExecutionResult",
    "Executor",
    "ExecutorType",
    "LogStreamRequest",
    "SpecConfig",
    "new_execution_result",
    "new_failed_execution_result",
]

JobId = Annotated[str, Meta(description="id of the job")]
ExecutionId = Annotated[str, Meta(description="id of the execution")]


class ExecutorType(OpenStrEnum):
    """What a job is executed with."""

    DOCKER = "docker"
    FIRECRACKER = "firecracker"
    WASM = "wasm"


class Executor(GoStruct, kw_only=True):
    """An executor that a job needs, or a machine has."""

    executor_type: Annotated[ExecutorType, Meta(description="what it executes with")] = (
        ExecutorType("")
    )


class ExecutionRequest(GoStruct, kw_only=True):
    """An executor is asked to run a job."""

    job_id: JobId = field(name="JobID", default="")
    execution_id: ExecutionId = field(name="ExecutionID", default="")
    engine_spec: Annotated[SpecConfig, Meta(description="what to run, and how")] = field(
        name="EngineSpec", default_factory=SpecConfig
    )
    resources: Annotated[Resources, Meta(description="what the execution may use")] = field(
        name="Resources", default_factory=Resources
    )
    inputs: Annotated[list[StorageVolume], Meta(description="volumes that it reads")] = field(
        name="Inputs", default_factory=list
    )
    outputs: Annotated[list[StorageVolume], Meta(description="volumes that it writes")] = field(
        name="Outputs", default_factory=list
    )
    results_dir: Annotated[str, Meta(description="folder where the results are kept")] = field(
        name="ResultsDir", default=""
    )


class ExecutionResult(GoStruct, kw_only=True):
    """What came of an execution. Answers an ExecutionRequest."""

    stdout: Annotated[str, Meta(description="what it wrote to its standard output")] = ""
    stderr: Annotated[str, Meta(description="what it wrote to its standard error")] = ""
    exit_code: Annotated[Int, Meta(description="-1 where the execution itself failed")] = 0
    error_msg: Annotated[str, Meta(description="why the execution failed")] = ""


def new_execution_result(code: int) -> ExecutionResult:
    """The result of an execution that ended with that exit code."""
    return ExecutionResult(exit_code=code)


def new_failed_execution_result(error: BaseException) -> ExecutionResult:
    """The result of an execution that failed: exit code -1 and the text of the error."""
    return ExecutionResult(exit_code=-1, error_msg=str(error))


class LogStreamRequest(GoStruct, kw_only=True):
    """An executor is asked for the log of an execution, as a stream."""

    job_id: JobId = field(name="JobID", default="")
    execution_id: ExecutionId = field(name="ExecutionID", default="")
    tail: Annotated[bool, Meta(description="whether to begin at the log's end")] = field(
        name="Tail", default=False
    )
    follow: Annotated[bool, Meta(description="whether to go on as the log grows")] = field(
        name="Follow", default=False
    )
