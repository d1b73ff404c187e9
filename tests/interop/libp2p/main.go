// A DMS node's side of gossip in Go: go-libp2p and go-libp2p-pubsub with strict signing.
//
// It writes one JSON object a line on stdout:
//
//	{"event":"ready","peer":"12D3…","addr":"/ip4/127.0.0.1/tcp/4001/p2p/12D3…","key":"base64"}
//	{"event":"joined"|"left","peer":"…"}
//	{"event":"message","from":"…","id":"…","source":"…","type":"…","json":"…"}
//	{"event":"published"|"heard","count":n}
//	{"event":"connected"|"refused","error":"…"}
//	{"event":"identified","peer":"…","addrs":[…],"protocols":[…]}
//	{"event":"found","peer":"…","addrs":[…]}, under the rendezvous
//	{"event":"put"|"get"|"find","value":"…","addrs":[…],"error":"…"}
//	{"event":"asked","types":{"deployment.DeploymentResponse":n},"last":"…","size":n,"failures":{"…":n}}
//	{"event":"unanswered"|"given-up"|"unread","error":"…"}
//	{"event":"error","error":"…"}
//
// It publishes as it reads lines from stdin: "N" is N events, one each -every; "raw TEXT" is TEXT, and
// "on TOPIC TEXT" is TEXT on another topic. "count" has it say how many messages it heard. "connect ADDR"
// connects to a peer, and says whether it could.
// In a DHT it also takes "put KEY VALUE", "get KEY" and "find PEER".
// "request SERVICE COUNT AT-ONCE PADDING" asks the first connected peer, in frames as the DMS has them; requests of
// others it answers.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

type options struct {
	listen, connect, keep, topic, keyFile, keyType, security, swarmKey string
	seqnosRise, quiet                                                  bool
	largest                                                            int
	clockBack, every                                                   time.Duration
	dhtPrefix, rendezvous, namespace                                   string
}

// envelope is the DMS MessageEnvelope, and the keys that dms-events adds to it.
type envelope struct {
	Type   string
	Data   []byte
	ID     string `json:",omitempty"`
	Source string `json:",omitempty"`
}

var (
	output sync.Mutex
	heard  atomic.Int64
)

func say(event string, fields map[string]any) {
	fields["event"] = event
	line, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	output.Lock()
	defer output.Unlock()
	fmt.Println(string(line))
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "/ip4/127.0.0.1/tcp/0", "multiaddr to listen on")
	flag.StringVar(&o.connect, "connect", "", "multiaddr of a peer to connect to")
	flag.StringVar(&o.keep, "keep", "", "multiaddrs, parted by commas, of peers to be connected to whenever they are there")
	flag.StringVar(&o.topic, "topic", "dms/events/elk_stats.ServiceCall", "topic to join")
	flag.StringVar(&o.keyFile, "key", "", "file with a marshalled key in base64; made where it is not there")
	flag.StringVar(&o.keyType, "key-type", "ed25519", "kind of a new key: ed25519, secp256k1 or rsa")
	flag.StringVar(&o.security, "security", "noise", "noise or tls")
	flag.StringVar(&o.swarmKey, "swarm-key", "", "file with the key of a private network")
	flag.BoolVar(&o.seqnosRise, "seqnos-rise", false, "take only seqnos that rise: pubsub.BasicSeqnoValidator")
	flag.IntVar(&o.largest, "largest", pubsub.DefaultMaxMessageSize, "bytes of the largest frame of gossip")
	flag.DurationVar(&o.clockBack, "clock-back", 0, "number messages as if the clock was set back by so much")
	flag.DurationVar(&o.every, "every", time.Millisecond, "how long to wait after each event that it publishes")
	flag.BoolVar(&o.quiet, "quiet", false, "count what arrives, and do not print it")
	flag.StringVar(&o.dhtPrefix, "dht-prefix", "", "serve the DHT under this prefix of protocols, such as /nunet")
	flag.StringVar(&o.rendezvous, "rendezvous", "", "advertise and look up this name in the DHT")
	flag.StringVar(&o.namespace, "dht-namespace", "", "take values under /NAMESPACE/ in the DHT")
	flag.Parse()
	if err := run(o); err != nil {
		say("error", map[string]any{"error": err.Error()})
		os.Exit(1)
	}
}

func run(o options) error {
	ctx := context.Background()
	key, err := loadKey(o)
	if err != nil {
		return err
	}
	node, err := newHost(o, key)
	if err != nil {
		return err
	}
	defer node.Close()
	node.SetStreamHandler(requests, serve)
	table, err := discover(ctx, node, o)
	if err != nil {
		return err
	}
	gossip, topic, err := join(ctx, node, o)
	if err != nil {
		return err
	}
	if o.connect != "" {
		info, err := peer.AddrInfoFromString(o.connect)
		if err != nil {
			return err
		}
		if err := node.Connect(ctx, *info); err != nil {
			return err
		}
	}
	for _, address := range strings.FieldsFunc(o.keep, func(c rune) bool { return c == ',' }) {
		info, err := peer.AddrInfoFromString(address)
		if err != nil {
			return err
		}
		go keep(ctx, node, *info)
	}
	marshalled, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		return err
	}
	say("ready", map[string]any{
		"peer": node.ID().String(),
		"addr": fmt.Sprintf("%s/p2p/%s", node.Addrs()[0], node.ID()),
		"key":  base64.StdEncoding.EncodeToString(marshalled),
	})
	return obey(ctx, node, topic, newTopics(node, gossip, topic), table, o.every)
}

func dial(ctx context.Context, node host.Host, address string) {
	info, err := peer.AddrInfoFromString(address)
	if err == nil {
		err = node.Connect(ctx, *info)
	}
	if err != nil {
		say("refused", map[string]any{"error": err.Error()})
		return
	}
	say("connected", map[string]any{})
}

// keep stays connected to a peer. The host itself dials once, and backs off for long after a failure.
func keep(ctx context.Context, node host.Host, info peer.AddrInfo) {
	for {
		if node.Network().Connectedness(info.ID) != network.Connected {
			node.Network().(*swarm.Swarm).Backoff().Clear(info.ID)
			_ = node.Connect(ctx, info) // it may not be there yet
		}
		time.Sleep(time.Second)
	}
}

func newHost(o options, key crypto.PrivKey) (host.Host, error) {
	security := libp2p.Security(noise.ID, noise.New)
	if o.security == "tls" {
		security = libp2p.Security(libp2ptls.ID, libp2ptls.New)
	}
	private := libp2p.ChainOptions()
	if o.swarmKey != "" {
		file, err := os.Open(o.swarmKey)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		shared, err := pnet.DecodeV1PSK(file)
		if err != nil {
			return nil, err
		}
		private = libp2p.PrivateNetwork(shared)
	}
	return libp2p.New(
		private,
		libp2p.Identity(key),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		security,
		libp2p.DisableRelay(),
		libp2p.ListenAddrStrings(o.listen),
	)
}

// join keeps to the library's defaults, as a DMS node does: its validation queue has 32 places.
func join(ctx context.Context, node host.Host, o options) (*pubsub.PubSub, *pubsub.Topic, error) {
	var settings []pubsub.Option
	settings = append(settings, pubsub.WithMaxMessageSize(o.largest))
	if o.seqnosRise {
		settings = append(settings, pubsub.WithDefaultValidator(risingSeqnos()))
	}
	gossip, err := pubsub.NewGossipSub(ctx, node, settings...)
	if err != nil {
		return nil, nil, err
	}
	setClockBack(gossip, o.clockBack)
	topic, err := gossip.Join(o.topic)
	if err != nil {
		return nil, nil, err
	}
	subscription, err := topic.Subscribe(pubsub.WithBufferSize(4096))
	if err != nil {
		return nil, nil, err
	}
	peers, err := topic.EventHandler()
	if err != nil {
		return nil, nil, err
	}
	go watch(ctx, peers)
	go receive(ctx, node.ID(), subscription, o.quiet)
	return gossip, topic, nil
}

func watch(ctx context.Context, peers *pubsub.TopicEventHandler) {
	for {
		change, err := peers.NextPeerEvent(ctx)
		if err != nil {
			return
		}
		kinds := map[pubsub.EventType]string{pubsub.PeerJoin: "joined", pubsub.PeerLeave: "left"}
		say(kinds[change.Type], map[string]any{"peer": change.Peer.String()})
	}
}

func receive(ctx context.Context, self peer.ID, subscription *pubsub.Subscription, quiet bool) {
	for {
		message, err := subscription.Next(ctx)
		if err != nil {
			return
		}
		if message.GetFrom() == self {
			continue
		}
		heard.Add(1)
		if quiet {
			continue
		}
		var read envelope
		if err := json.Unmarshal(message.Data, &read); err != nil {
			say("error", map[string]any{"error": err.Error()})
			continue
		}
		say("message", map[string]any{
			"from": message.GetFrom().String(), "id": read.ID, "source": read.Source,
			"type": read.Type, "json": string(read.Data),
		})
	}
}
