// Package network holds the "proposed Network types and methods" and
// "proposed Encryption interfaces" sections of the DMS types README.
package network

import "oracle/dms/specconfig"

// Config gives access to the network configuration parameters.
type Config interface {
	GetNetworkConfig() *specconfig.SpecConfig
}

// Encryptor must support encryption of files/directories
type Encryptor interface {
	Encrypt([]byte) ([]byte, error)
}

// Decryptor must support decryption of files/directories
type Decryptor interface {
	Decrypt([]byte) ([]byte, error)
}

// NetworkSpec is a stub. Please expand based on requirements.
type NetworkSpec struct {
}

// NetConfig is a stub. Please expand it or completely change it based on requirements.
type NetConfig struct {
	NetworkSpec specconfig.SpecConfig `json:"network_spec"` // Network specification
}

var _ Config = (*NetConfig)(nil)

// GetNetworkConfig returns network configuration parameters.
func (nc *NetConfig) GetNetworkConfig() *specconfig.SpecConfig {
	return &nc.NetworkSpec
}

// NetworkStats should contain all network info the user is interested in.
// for now there's only peerID and listening address but reachability, local and remote addr etc...
// can be added when necessary.
type NetworkStats struct {
	ID         string `json:"id"`
	ListenAddr string `json:"listen_addr"`
}

// MessageInfo is a stub. Please expand it or completely change it based on requirements.
type MessageInfo struct {
	Info string `json:"info"` // Message information
}
