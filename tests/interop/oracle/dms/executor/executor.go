// Package executor holds the "Executor" section of the DMS types README.
package executor

import (
	"oracle/dms/resource"
	"oracle/dms/storage"
)

// Executor defines the type of executor that is used to execute the job.
type Executor struct {
	ExecutorType ExecutorType `json:"executor_type"`
}

// ExecutorType is types.ExecutorType.
type ExecutorType string

// ExecutionRequest is the input that executor receives to initiate a job
// execution. The README writes types.SpecConfig and types.Resources; they are
// this section's SpecConfig (identical to the "Spec_config" one) and the
// "Resource" section's Resources.
type ExecutionRequest struct {
	// ID of the job to execute
	JobID string

	// ID of the execution
	ExecutionID string

	// Engine spec for the execution
	EngineSpec SpecConfig

	// Resources for the execution
	Resources resource.Resources

	// Input volumes for the execution
	Inputs []storage.StorageVolume

	// Output volumes for the results
	Outputs []storage.StorageVolume

	// Directory to store the results
	ResultsDir string
}

// ExecutionResult contains the result of the job execution.
type ExecutionResult struct {
	// STDOUT of the execution
	STDOUT string `json:"stdout"`

	// STDERR of the execution
	STDERR string `json:"stderr"`

	// Exit code of the execution
	ExitCode int `json:"exit_code"`

	// Error message if the execution failed
	ErrorMsg string `json:"error_msg"`
}

// SpecConfig represents a configuration for a spec
// A SpecConfig can be used to define an engine spec, a storage volume, etc.
type SpecConfig struct {
	// Type of the spec (e.g. docker, firecracker, storage, etc.)
	Type string `json:"type"`

	// Params of the spec
	// This allows passing arbitrary parameters to the spec implementation
	Params map[string]interface{} `json:"params,omitempty"`
}

// LogStreamRequest is the input provided when a request to stream logs of an execution is made.
type LogStreamRequest struct {
	JobID       string // ID of the job
	ExecutionID string // ID of the execution
	Tail        bool   // Tail the logs
	Follow      bool   // Follow the logs
}
