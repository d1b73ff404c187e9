// Package networkconfig holds the "proposed Network configuration data type"
// section of the DMS types README. crypto.PrivKey and multiaddr.Multiaddr are
// the real ones, in the versions current when the README was written (both are
// interfaces there).
package networkconfig

import (
	"oracle/dms/bt"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/multiformats/go-multiaddr"
)

// MessageType is types.MessageType.
type MessageType string

// MessageEnvelope is types.MessageEnvelope.
type MessageEnvelope struct {
	Type MessageType
	Data []byte
}

// NetworkType is types.NetworkType.
type NetworkType string

// NetworkConfig is types.NetworkConfig.
type NetworkConfig struct {
	Type NetworkType

	// libp2p
	Libp2pConfig

	// nats
	NATSUrl string
}

// Libp2pConfig holds the libp2p configuration
//
// The README shows this declaration flattened on one line.
type Libp2pConfig struct {
	DHTPrefix string
	//crypto is Go-libp2p package that implements various cryptographic utilities
	PrivateKey              crypto.PrivKey
	BootstrapPeers          []multiaddr.Multiaddr
	Rendezvous              string
	Server                  bool
	Scheduler               *bt.Scheduler
	CustomNamespace         string
	ListenAddress           []string
	PeerCountDiscoveryLimit int
	PrivateNetwork          PrivateNetworkConfig
	GracePeriodMs           int
	GossipMaxMessageSize    int
}

// PrivateNetworkConfig is types.PrivateNetworkConfig.
type PrivateNetworkConfig struct {
	// WithSwarmKey if true, DMS will try to fetch the key from
	// `<config_path>/swarm.key`.
	WithSwarmKey bool

	// ACL defines the access control list for the private network.
	ACL []multiaddr.Multiaddr
}
