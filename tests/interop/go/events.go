package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// MessageType is types.MessageType of the DMS.
type MessageType string

// MessageEnvelope is types.MessageEnvelope of the DMS.
type MessageEnvelope struct {
	Type MessageType
	Data []byte
}

const module = "elk_stats"

// The nine structs below are those of the DMS types README: no json tags, float32 throughout.

type NewDeviceOnboarded struct {
	PeerID        string
	CPU           float32
	RAM           float32
	Network       float32
	DedicatedTime float32
	Timestamp     float32
}

type DeviceStatusChange struct {
	PeerID    string
	Status    string
	Timestamp float32
}

type DeviceResourceChange struct {
	PeerID                   string
	ChangedAttributeAndValue struct {
		CPU           float32
		RAM           float32
		Network       float32
		DedicatedTime float32
	}
	Timestamp float32
}

type DeviceResourceConfig struct {
	PeerID                   string
	ChangedAttributeAndValue struct {
		CPU           float32
		RAM           float32
		Network       float32
		DedicatedTime float32
	}
	Timestamp float32
}

type NewService struct {
	ServiceID          string
	ServiceName        string
	ServiceDescription string
	Timestamp          float32
}

type ServiceCall struct {
	CallID              float32
	PeerIDOfServiceHost string
	ServiceID           string
	CPUUsed             float32
	MaxRAM              float32
	MemoryUsed          float32
	NetworkBwUsed       float32
	TimeTaken           float32
	Status              string
	AmountOfNtx         int32
	Timestamp           float32
}

type ServiceStatus struct {
	CallID              float32
	PeerIDOfServiceHost string
	ServiceID           string
	Status              string
	Timestamp           float32
}

type ServiceRemove struct {
	ServiceID string
	Timestamp float32
}

type NtxPayment struct {
	CallID            float32
	ServiceID         string
	AmountOfNtx       int32
	PeerID            string
	SuccessFailStatus string
	Timestamp         float32
}

// kinds holds a constructor of a zero event for each type, by its bare name.
var kinds = map[string]func() any{
	"NewDeviceOnboarded":   func() any { return new(NewDeviceOnboarded) },
	"DeviceStatusChange":   func() any { return new(DeviceStatusChange) },
	"DeviceResourceChange": func() any { return new(DeviceResourceChange) },
	"DeviceResourceConfig": func() any { return new(DeviceResourceConfig) },
	"NewService":           func() any { return new(NewService) },
	"ServiceCall":          func() any { return new(ServiceCall) },
	"ServiceStatus":        func() any { return new(ServiceStatus) },
	"ServiceRemove":        func() any { return new(ServiceRemove) },
	"NtxPayment":           func() any { return new(NtxPayment) },
}

// allTypes is the order of the README.
var allTypes = []string{
	"NewDeviceOnboarded", "DeviceStatusChange", "DeviceResourceChange", "DeviceResourceConfig",
	"NewService", "ServiceCall", "ServiceStatus", "ServiceRemove", "NtxPayment",
}

// bareName turns a registry name or a bare one into the bare one.
func bareName(name string) (string, error) {
	bare := strings.TrimPrefix(name, module+".")
	if _, ok := kinds[bare]; !ok {
		return "", fmt.Errorf("unknown type %q", name)
	}
	return bare, nil
}

// readEvent unmarshals an envelope and the event in it, by the envelope's Type.
func readEvent(data []byte) (MessageType, any, error) {
	var envelope MessageEnvelope
	if err := json.Unmarshal(data, &envelope); err != nil {
		return "", nil, fmt.Errorf("envelope: %w", err)
	}
	bare, err := bareName(string(envelope.Type))
	if err != nil {
		return envelope.Type, nil, err
	}
	event := kinds[bare]()
	if err := json.Unmarshal(envelope.Data, event); err != nil {
		return envelope.Type, nil, fmt.Errorf("%s: %w", envelope.Type, err)
	}
	return envelope.Type, event, nil
}
