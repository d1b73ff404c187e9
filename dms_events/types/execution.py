"""The execution of a job: the request to an executor, and its result."""

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
    """The kinds of executor."""

    DOCKER = "docker"
    FIRECRACKER = "firecracker"
    WASM = "wasm"


class Executor(GoStruct, kw_only=True):
    """An executor that a job needs or a machine has."""

    executor_type: Annotated[ExecutorType, Meta(description="kind of executor")] = ExecutorType("")


class ExecutionRequest(GoStruct, kw_only=True):
    """The request to an executor to run a job."""

    job_id: JobId = field(name="JobID", default="")
    execution_id: ExecutionId = field(name="ExecutionID", default="")
    engine_spec: Annotated[
        SpecConfig, Meta(description="what to run: the engine's type and parameters")
    ] = field(name="EngineSpec", default_factory=SpecConfig)
    resources: Annotated[Resources, Meta(description="resources that the execution may use")] = (
        field(name="Resources", default_factory=Resources)
    )
    inputs: Annotated[list[StorageVolume], Meta(description="volumes that the execution reads")] = (
        field(name="Inputs", default_factory=list)
    )
    outputs: Annotated[
        list[StorageVolume], Meta(description="volumes that the execution writes")
    ] = field(name="Outputs", default_factory=list)
    results_dir: Annotated[str, Meta(description="folder of the results")] = field(
        name="ResultsDir", default=""
    )


class ExecutionResult(GoStruct, kw_only=True):
    """The result of an execution. Answers an ExecutionRequest."""

    stdout: Annotated[str, Meta(description="standard output of the execution")] = ""
    stderr: Annotated[str, Meta(description="standard error of the execution")] = ""
    exit_code: Annotated[Int, Meta(description="exit code; -1 if the execution itself failed")] = 0
    error_msg: Annotated[str, Meta(description="reason why the execution failed")] = ""


def new_execution_result(code: int) -> ExecutionResult:
    """Return the result of an execution that ended with this exit code."""
    return ExecutionResult(exit_code=code)


def new_failed_execution_result(error: BaseException) -> ExecutionResult:
    """Return the result of an execution that failed: exit code -1 and the text of the error."""
    return ExecutionResult(exit_code=-1, error_msg=str(error))


class LogStreamRequest(GoStruct, kw_only=True):
    """The request to an executor for the log of an execution, as a stream."""

    job_id: JobId = field(name="JobID", default="")
    execution_id: ExecutionId = field(name="ExecutionID", default="")
    tail: Annotated[bool, Meta(description="true to begin at the end of the log")] = field(
        name="Tail", default=False
    )
    follow: Annotated[bool, Meta(description="true to continue as the log grows")] = field(
        name="Follow", default=False
    )
