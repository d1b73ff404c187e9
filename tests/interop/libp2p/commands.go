package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"
)

// event is a call as a node sends it, bare: nothing but Type and Data.
func event(number int) ([]byte, error) {
	data, err := json.Marshal(map[string]any{
		"CallID": number, "PeerIDOfServiceHost": "12D3KooWGzBbZfXbYpWbSeVpTcXWvTqXyMB9MjjLqUhvBcQkZtyK",
		"ServiceID": "ml-training-resnet50", "CPUUsed": 1834.53, "MaxRAM": 4096, "MemoryUsed": 3071.28,
		"NetworkBwUsed": 12.75, "TimeTaken": 361.482, "Status": "from Go", "AmountOfNtx": 42,
		"Timestamp": 1736903424.552665,
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope{Type: "elk_stats.ServiceCall", Data: data})
}

// fill publishes an event whose envelope has a size in bytes: spaces after it mean nothing in JSON.
func fill(ctx context.Context, topic *pubsub.Topic, size string, options ...pubsub.PubOpt) error {
	count, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	sealed, err := event(0)
	if err != nil {
		return err
	}
	return topic.Publish(ctx, append(sealed, bytes.Repeat([]byte(" "), count-len(sealed))...), options...)
}

func obey(
	ctx context.Context, node host.Host, topic *pubsub.Topic, others *topics, table *dht.IpfsDHT, every time.Duration,
) error {
	// A message goes to the mesh only, which is empty up to the first heartbeat.
	meshed := pubsub.WithReadiness(pubsub.MinTopicSize(1))
	lines := bufio.NewScanner(os.Stdin)
	number := 0
	for lines.Scan() {
		line := lines.Text()
		if table != nil && ask(ctx, table, line) {
			continue
		}
		if text, found := strings.CutPrefix(line, "raw "); found {
			if err := topic.Publish(ctx, []byte(text), meshed); err != nil {
				return err
			}
			continue
		}
		if size, found := strings.CutPrefix(line, "fill "); found {
			if err := fill(ctx, topic, size, meshed); err != nil {
				return err
			}
			continue
		}
		if line == "count" {
			say("heard", map[string]any{"count": heard.Load()})
			continue
		}
		if rest, found := strings.CutPrefix(line, "on "); found {
			if err := others.publish(ctx, rest); err != nil {
				return err
			}
			continue
		}
		if address, found := strings.CutPrefix(line, "connect "); found {
			dial(ctx, node, address)
			continue
		}
		if words, found := strings.CutPrefix(line, "request "); found {
			var service string
			var count, atOnce, padding int
			if _, err := fmt.Sscan(words, &service, &count, &atOnce, &padding); err != nil {
				return err
			}
			go requestMany(ctx, node, service, count, atOnce, padding)
			continue
		}
		count, err := strconv.Atoi(line)
		if err != nil {
			return err
		}
		for range count {
			sealed, err := event(number)
			if err != nil {
				return err
			}
			if err := topic.Publish(ctx, sealed, meshed); err != nil {
				return err
			}
			number++
			time.Sleep(every)
		}
		say("published", map[string]any{"count": count})
	}
	return lines.Err()
}
