package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	requests    = protocol.ID("/dms/requests/deployment.DeploymentRequest/0.0.1")
	largestByte = 1 << 20
	patience    = 30 * time.Second
)

// readFrame reads an 8-byte little-endian length, then as many bytes.
func readFrame(stream network.Stream) ([]byte, error) {
	var prefix [8]byte
	if _, err := io.ReadFull(stream, prefix[:]); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint64(prefix[:])
	if length > largestByte {
		return nil, fmt.Errorf("a frame of %d bytes", length)
	}
	data := make([]byte, length)
	_, err := io.ReadFull(stream, data)
	return data, err
}

func writeFrame(stream network.Stream, data []byte) error {
	frame := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	_, err := stream.Write(append(frame, data...))
	return err
}

// serve answers as the service_type of the request says.
func serve(stream network.Stream) {
	defer stream.Close()
	_ = stream.SetDeadline(time.Now().Add(patience))
	data, err := readFrame(stream)
	if err != nil {
		say("unread", map[string]any{"error": err.Error()})
		_ = stream.Reset()
		return
	}
	var request envelope
	var event struct {
		ServiceType string `json:"service_type"`
	}
	if json.Unmarshal(data, &request) != nil || json.Unmarshal(request.Data, &event) != nil {
		_ = writeFrame(stream, data) // bytes of any kind come back
		return
	}
	switch event.ServiceType {
	case "reset":
		_ = stream.Reset()
	case "close":
	case "cut":
		_, _ = stream.Write(append(binary.LittleEndian.AppendUint64(nil, 1000), "0123456789"...))
	case "huge":
		_, _ = stream.Write(binary.LittleEndian.AppendUint64(nil, 1<<63))
	case "endless":
		_, _ = stream.Write(binary.LittleEndian.AppendUint64(nil, 1000))
		say("unanswered", map[string]any{})
		_, _ = stream.Read(make([]byte, 1)) // until the requester gives up
		say("given-up", map[string]any{})
	case "die":
		os.Exit(1)
	case "refuse":
		answer(stream, "requests.Error", map[string]any{"Code": "no_funds", "Reason": "nothing was paid"})
	default:
		answer(stream, "deployment.DeploymentResponse", map[string]any{
			"success": true, "content": fmt.Sprintf("%s for %s", event.ServiceType, stream.Conn().RemotePeer()),
		})
	}
}

func answer(stream network.Stream, name string, event map[string]any) {
	data, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	sealed, err := json.Marshal(envelope{Type: name, Data: data})
	if err != nil {
		panic(err)
	}
	_ = writeFrame(stream, sealed)
}

// requestMany sends count requests to each connected peer, some at once, and says what came of them.
func requestMany(ctx context.Context, node host.Host, service string, count, atOnce, padding int) {
	hash := strings.Repeat("#", padding)
	event, err := json.Marshal(map[string]any{"service_type": service, "metadata_hash": hash})
	if err != nil {
		panic(err)
	}
	sealed, err := json.Marshal(envelope{Type: "deployment.DeploymentRequest", Data: event})
	if err != nil {
		panic(err)
	}
	var lock sync.Mutex
	types, failures := map[string]int{}, map[string]int{}
	last, size := "", 0
	places, group := make(chan bool, atOnce), sync.WaitGroup{}
	for range count {
		places <- true
		group.Go(func() {
			defer func() { <-places }()
			read, err := requestOne(ctx, node, node.Network().Peers()[0], sealed)
			lock.Lock()
			defer lock.Unlock()
			if err != nil {
				failures[err.Error()]++
				return
			}
			types[read.Type]++
			last, size = string(read.Data[:min(len(read.Data), 1000)]), len(read.Data)
		})
	}
	group.Wait()
	say("asked", map[string]any{"types": types, "last": last, "size": size, "failures": failures})
}

func requestOne(ctx context.Context, node host.Host, responder peer.ID, data []byte) (envelope, error) {
	var read envelope
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stream, err := node.NewStream(ctx, responder, requests)
	if err != nil {
		return read, err
	}
	defer stream.Close()
	_ = stream.SetDeadline(time.Now().Add(patience))
	if err := writeFrame(stream, data); err != nil {
		return read, err
	}
	answer, err := readFrame(stream)
	if err != nil {
		return read, err
	}
	return read, json.Unmarshal(answer, &read)
}
