// Package firecracker holds the "Firecracker" section of the DMS types README.
package firecracker

import "oracle/dms/types"

// BootSource is types.BootSource.
type BootSource struct {
	KernelImagePath string `json:"kernel_image_path"`
	BootArgs        string `json:"boot_args"`
}

// Drives is types.Drives.
type Drives struct {
	DriveID      string `json:"drive_id"`
	PathOnHost   string `json:"path_on_host"`
	IsRootDevice bool   `json:"is_root_device"`
	IsReadOnly   bool   `json:"is_read_only"`
}

// MachineConfig is types.MachineConfig.
type MachineConfig struct {
	VCPUCount  int `json:"vcpu_count"`
	MemSizeMib int `json:"mem_size_mib"`
}

// NetworkInterfaces is types.NetworkInterfaces.
type NetworkInterfaces struct {
	IfaceID     string `json:"iface_id"`
	GuestMac    string `json:"guest_mac"`
	HostDevName string `json:"host_dev_name"`
}

// MMDSConfig is types.MMDSConfig.
type MMDSConfig struct {
	NetworkInterface []string `json:"network_interfaces"`
}

// MMDSMsg is types.MMDSMsg.
type MMDSMsg struct {
	Latest struct {
		Metadata struct {
			MMDSMetadata
		} `json:"meta-data"`
	} `json:"latest"`
}

// MMDSMetadata is types.MMDSMetadata.
type MMDSMetadata struct {
	NodeId string `json:"node_id"`
	PKey   string `json:"pkey"`
}

// Actions is types.Actions.
type Actions struct {
	ActionType string `json:"action_type"`
}

// VirtualMachine is types.VirtualMachine.
type VirtualMachine struct {
	types.BaseDBModel
	SocketFile string `json:"socket_file"`
	BootSource string `json:"boot_source"`
	Filesystem string `json:"filesystem"`
	VCPUCount  int    `json:"vcpu_count"`
	MemSizeMib int    `json:"mem_size_mib"`
	TapDevice  string `json:"tap_device"`
	State      string `json:"state"`
}
