// Package resource holds the "Resource" section of the DMS types README. Its
// AvailableResources and FreeResources replace the older ones of the "Machine"
// section. The README also names a types.Resource but gives no declaration.
package resource

import "oracle/dms/types"

// Resources are the resources defined for the machine.
type Resources struct {
	CPU      float64
	NumCores uint64
	GPU      []GPU `gorm:"foreignKey:ResourceID"`
	RAM      uint64
	Disk     uint64
}

// AvailableResources are the resources onboarded to Nunet.
type AvailableResources struct {
	types.BaseDBModel
	Resources
}

// FreeResources are the resources currently available for new jobs.
type FreeResources struct {
	types.BaseDBModel
	Resources
}

// RequiredResources are the resources required by the jobs running on the machine.
type RequiredResources struct {
	types.BaseDBModel
	Resources
}

// GPUVendor is a GPU vendor available on the machine.
type GPUVendor string

const (
	GPUVendorNvidia  GPUVendor = "NVIDIA"
	GPUVendorAMDATI  GPUVendor = "AMD/ATI"
	GPUVendorIntel   GPUVendor = "Intel"
	GPUVendorUnknown GPUVendor = "Unknown"
	None             GPUVendor = "None"
)

// GPU holds GPU details.
type GPU struct {
	// Index is the self-reported index of the device in the system
	Index int
	// Vendor is the maker of the GPU, e.g. NVidia, AMD, Intel
	Vendor GPUVendor
	// PCIAddress is the PCI address of the device, in the format AAAA:BB:CC.C
	// Used to discover the correct device rendering cards
	PCIAddress string
	// Model represents the GPU model name, e.g., "Tesla T4", "A100"
	Model string `json:"model" description:"GPU model, e.g., Tesla T4, A100"`
	// TotalVRAM is the total amount of VRAM on the device
	TotalVRAM uint64
	// UsedVRAM is the amount of VRAM currently in use
	UsedVRAM uint64
	// FreeVRAM is the amount of VRAM currently free
	FreeVRAM uint64

	// Gorm fields
	ResourceID uint `gorm:"foreignKey:ID"`
}

// GPUList is a slice of GPU.
type GPUList []GPU

// CPUInfo is types.CPUInfo.
type CPUInfo struct {
	NumCores   uint64
	MHzPerCore float64
	Compute    float64
}

// SpecInfo is types.SpecInfo.
type SpecInfo struct {
	CPUs    []CPU
	GPUs    []GPU
	RAMs    []RAM
	Disks   []Disk
	Network NetworkInfo
}

// CPU is types.CPU.
type CPU struct {
	// Model represents the CPU model, e.g., "Intel Core i7-9700K", "AMD Ryzen 9 5900X"
	Model string

	// Vendor represents the CPU manufacturer, e.g., "Intel", "AMD"
	Vendor string

	// ClockSpeedHz represents the CPU clock speed in Hz
	ClockSpeedHz uint64

	// Cores represents the number of physical CPU cores
	Cores int

	// Threads represents the number of logical CPU threads (including hyperthreading)
	Threads int

	// Architecture represents the CPU architecture, e.g., "x86", "x86_64", "arm64"
	Architecture string

	// Cache size in bytes
	CacheSize uint64
}

// RAM is types.RAM.
type RAM struct {
	// Size in bytes
	Size uint64

	// Clock speed in Hz
	ClockSpeedHz uint64

	// Type represents the RAM type, e.g., "DDR4", "DDR5", "LPDDR4"
	Type string
}

// Disk is types.Disk.
type Disk struct {
	// Model represents the disk model, e.g., "Samsung 970 EVO Plus", "Western Digital Blue SN550"
	Model string

	// Vendor represents the disk manufacturer, e.g., "Samsung", "Western Digital"
	Vendor string

	// Size in bytes
	Size uint64

	// Type represents the disk type, e.g., "SSD", "HDD", "NVMe"
	Type string

	// Interface represents the disk interface, e.g., "SATA", "PCIe", "M.2"
	Interface string

	// Read speed in bytes per second
	ReadSpeed uint64
	// Write speed in bytes per second
	WriteSpeed uint64
}

// NetworkInfo is types.NetworkInfo.
type NetworkInfo struct {
	// Bandwidth in bits per second (b/s)
	Bandwidth uint64

	// NetworkType represents the network type, e.g., "Ethernet", "Wi-Fi", "Cellular"
	NetworkType string
}
