package main

import (
	"context"
	"strings"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	happening "github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/discovery/routing"
	"github.com/multiformats/go-multiaddr"
)

const lookEvery = 250 * time.Millisecond

// newest takes any value, and of two the first: go-libp2p-kad-dht names the new one first.
type newest struct{}

func (newest) Validate(string, []byte) error        { return nil }
func (newest) Select(string, [][]byte) (int, error) { return 0, nil }

// discover has the node take part in the DHT of its options, as a server, and say whom it meets there.
func discover(ctx context.Context, node host.Host, o options) (*dht.IpfsDHT, error) {
	if err := watchIdentities(node); err != nil || o.dhtPrefix == "" {
		return nil, err
	}
	settings := []dht.Option{dht.ProtocolPrefix(protocol.ID(o.dhtPrefix)), dht.Mode(dht.ModeServer)}
	if o.namespace != "" {
		settings = append(settings, dht.NamespacedValidator(o.namespace, newest{}))
	}
	table, err := dht.New(node, settings...)
	if err == nil && o.rendezvous != "" {
		go rendezvous(ctx, table, o.rendezvous)
	}
	return table, err
}

// rendezvous says that this node is there, and whom it finds under the same name, each once.
func rendezvous(ctx context.Context, table *dht.IpfsDHT, name string) {
	finder := routing.NewRoutingDiscovery(table)
	advertised, found := false, map[peer.ID]bool{table.Host().ID(): true}
	for ; ; time.Sleep(lookEvery) {
		if table.RoutingTable().Size() == 0 {
			continue
		}
		if !advertised {
			_, err := finder.Advertise(ctx, name)
			advertised = err == nil
		}
		peers, err := finder.FindPeers(ctx, name)
		if err != nil {
			continue
		}
		for info := range peers {
			if !found[info.ID] {
				found[info.ID] = true
				say("found", map[string]any{"peer": info.ID.String(), "addrs": texts(info.Addrs)})
			}
		}
	}
}

// watchIdentities says which addresses and protocols a peer announces.
func watchIdentities(node host.Host) error {
	told, err := node.EventBus().Subscribe(new(happening.EvtPeerIdentificationCompleted))
	if err != nil {
		return err
	}
	go func() {
		for each := range told.Out() {
			identified := each.(happening.EvtPeerIdentificationCompleted)
			say("identified", map[string]any{
				"peer": identified.Peer.String(), "addrs": texts(identified.ListenAddrs),
				"protocols": identified.Protocols,
			})
		}
	}()
	return nil
}

// ask handles "put KEY VALUE", "get KEY" and "find PEER"; false for any other line.
func ask(ctx context.Context, table *dht.IpfsDHT, line string) bool {
	words := strings.SplitN(line, " ", 3)
	var err error
	said := map[string]any{}
	switch {
	case words[0] == "put" && len(words) == 3:
		err = table.PutValue(ctx, words[1], []byte(words[2]))
	case words[0] == "get" && len(words) == 2:
		var value []byte
		value, err = table.GetValue(ctx, words[1])
		said["value"] = string(value)
	case words[0] == "find" && len(words) == 2:
		var id peer.ID
		if id, err = peer.Decode(words[1]); err == nil {
			var info peer.AddrInfo
			info, err = table.FindPeer(ctx, id)
			said["addrs"] = texts(info.Addrs)
		}
	default:
		return false
	}
	if err != nil {
		said["error"] = err.Error()
	}
	say(words[0], said)
	return true
}

func texts(addrs []multiaddr.Multiaddr) []string {
	made := make([]string, len(addrs))
	for i, addr := range addrs {
		made[i] = addr.String()
	}
	return made
}
