package main

import (
	"reflect"

	"oracle/dms/deployment"
	"oracle/dms/elk"
	"oracle/dms/executor"
	"oracle/dms/firecracker"
	"oracle/dms/machine"
	"oracle/dms/network"
	"oracle/dms/networkconfig"
	"oracle/dms/onboarding"
	"oracle/dms/resource"
	"oracle/dms/specconfig"
	"oracle/dms/storage"
	"oracle/dms/telemetry"
	"oracle/dms/types"
)

// byName lists the types of the DMS types README as "<section>.<Name>".
var byName = map[string]reflect.Type{
	"deployment.DeploymentRequest":        reflect.TypeFor[deployment.DeploymentRequest](),
	"deployment.DeploymentResponse":       reflect.TypeFor[deployment.DeploymentResponse](),
	"deployment.DeploymentUpdate":         reflect.TypeFor[deployment.DeploymentUpdate](),
	"deployment.DeploymentRequestFlat":    reflect.TypeFor[deployment.DeploymentRequestFlat](),
	"deployment.BlockchainTxStatus":       reflect.TypeFor[deployment.BlockchainTxStatus](),
	"elk.NewDeviceOnboarded":              reflect.TypeFor[elk.NewDeviceOnboarded](),
	"elk.DeviceStatusChange":              reflect.TypeFor[elk.DeviceStatusChange](),
	"elk.DeviceResourceChange":            reflect.TypeFor[elk.DeviceResourceChange](),
	"elk.DeviceResourceConfig":            reflect.TypeFor[elk.DeviceResourceConfig](),
	"elk.NewService":                      reflect.TypeFor[elk.NewService](),
	"elk.ServiceCall":                     reflect.TypeFor[elk.ServiceCall](),
	"elk.ServiceStatus":                   reflect.TypeFor[elk.ServiceStatus](),
	"elk.ServiceRemove":                   reflect.TypeFor[elk.ServiceRemove](),
	"elk.NtxPayment":                      reflect.TypeFor[elk.NtxPayment](),
	"executor.Executor":                   reflect.TypeFor[executor.Executor](),
	"executor.ExecutorType":               reflect.TypeFor[executor.ExecutorType](),
	"executor.ExecutionRequest":           reflect.TypeFor[executor.ExecutionRequest](),
	"executor.ExecutionResult":            reflect.TypeFor[executor.ExecutionResult](),
	"executor.SpecConfig":                 reflect.TypeFor[executor.SpecConfig](),
	"executor.LogStreamRequest":           reflect.TypeFor[executor.LogStreamRequest](),
	"firecracker.BootSource":              reflect.TypeFor[firecracker.BootSource](),
	"firecracker.Drives":                  reflect.TypeFor[firecracker.Drives](),
	"firecracker.MachineConfig":           reflect.TypeFor[firecracker.MachineConfig](),
	"firecracker.NetworkInterfaces":       reflect.TypeFor[firecracker.NetworkInterfaces](),
	"firecracker.MMDSConfig":              reflect.TypeFor[firecracker.MMDSConfig](),
	"firecracker.MMDSMsg":                 reflect.TypeFor[firecracker.MMDSMsg](),
	"firecracker.MMDSMetadata":            reflect.TypeFor[firecracker.MMDSMetadata](),
	"firecracker.Actions":                 reflect.TypeFor[firecracker.Actions](),
	"firecracker.VirtualMachine":          reflect.TypeFor[firecracker.VirtualMachine](),
	"machine.IP":                          reflect.TypeFor[machine.IP](),
	"machine.PeerInfo":                    reflect.TypeFor[machine.PeerInfo](),
	"machine.Machine":                     reflect.TypeFor[machine.Machine](),
	"machine.FreeResources":               reflect.TypeFor[machine.FreeResources](),
	"machine.AvailableResources":          reflect.TypeFor[machine.AvailableResources](),
	"machine.Services":                    reflect.TypeFor[machine.Services](),
	"machine.ServiceResourceRequirements": reflect.TypeFor[machine.ServiceResourceRequirements](),
	"machine.ContainerImages":             reflect.TypeFor[machine.ContainerImages](),
	"machine.Libp2pInfo":                  reflect.TypeFor[machine.Libp2pInfo](),
	"machine.MachineUUID":                 reflect.TypeFor[machine.MachineUUID](),
	"machine.Gpu":                         reflect.TypeFor[machine.Gpu](),
	"machine.PeerData":                    reflect.TypeFor[machine.PeerData](),
	"machine.Connection":                  reflect.TypeFor[machine.Connection](),
	"machine.PingResult":                  reflect.TypeFor[machine.PingResult](),
	"machine.Machines":                    reflect.TypeFor[machine.Machines](),
	"machine.KadDHTMachineUpdate":         reflect.TypeFor[machine.KadDHTMachineUpdate](),
	"machine.ElasticToken":                reflect.TypeFor[machine.ElasticToken](),
	"onboarding.BlockchainAddressPrivKey": reflect.TypeFor[onboarding.BlockchainAddressPrivKey](),
	"onboarding.CapacityForNunet":         reflect.TypeFor[onboarding.CapacityForNunet](),
	"onboarding.Provisioned":              reflect.TypeFor[onboarding.Provisioned](),
	"onboarding.Metadata":                 reflect.TypeFor[onboarding.Metadata](),
	"onboarding.OnboardingStatus":         reflect.TypeFor[onboarding.OnboardingStatus](),
	"onboarding.LogBinAuth":               reflect.TypeFor[onboarding.LogBinAuth](),
	"resource.Resources":                  reflect.TypeFor[resource.Resources](),
	"resource.AvailableResources":         reflect.TypeFor[resource.AvailableResources](),
	"resource.FreeResources":              reflect.TypeFor[resource.FreeResources](),
	"resource.RequiredResources":          reflect.TypeFor[resource.RequiredResources](),
	"resource.GPUVendor":                  reflect.TypeFor[resource.GPUVendor](),
	"resource.GPU":                        reflect.TypeFor[resource.GPU](),
	"resource.GPUList":                    reflect.TypeFor[resource.GPUList](),
	"resource.CPUInfo":                    reflect.TypeFor[resource.CPUInfo](),
	"resource.SpecInfo":                   reflect.TypeFor[resource.SpecInfo](),
	"resource.CPU":                        reflect.TypeFor[resource.CPU](),
	"resource.RAM":                        reflect.TypeFor[resource.RAM](),
	"resource.Disk":                       reflect.TypeFor[resource.Disk](),
	"resource.NetworkInfo":                reflect.TypeFor[resource.NetworkInfo](),
	"spec_config.SpecConfig":              reflect.TypeFor[specconfig.SpecConfig](),
	"storage.StorageVolume":               reflect.TypeFor[storage.StorageVolume](),
	"telemetry.CollectorConfig":           reflect.TypeFor[telemetry.CollectorConfig](),
	"telemetry.TelemetryConfig":           reflect.TypeFor[telemetry.TelemetryConfig](),
	"telemetry.ObservabilityLevel":        reflect.TypeFor[telemetry.ObservabilityLevel](),
	"types.BaseDBModel":                   reflect.TypeFor[types.BaseDBModel](),
	"network.NetworkSpec":                 reflect.TypeFor[network.NetworkSpec](),
	"network.NetConfig":                   reflect.TypeFor[network.NetConfig](),
	"network.NetworkStats":                reflect.TypeFor[network.NetworkStats](),
	"network.MessageInfo":                 reflect.TypeFor[network.MessageInfo](),
	"network_config.MessageType":          reflect.TypeFor[networkconfig.MessageType](),
	"network_config.MessageEnvelope":      reflect.TypeFor[networkconfig.MessageEnvelope](),
	"network_config.NetworkType":          reflect.TypeFor[networkconfig.NetworkType](),
	"network_config.NetworkConfig":        reflect.TypeFor[networkconfig.NetworkConfig](),
	"network_config.Libp2pConfig":         reflect.TypeFor[networkconfig.Libp2pConfig](),
	"network_config.PrivateNetworkConfig": reflect.TypeFor[networkconfig.PrivateNetworkConfig](),
	"machine.resources":                   machine.ResourcesType,
}
