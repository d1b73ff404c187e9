package main

import (
	"context"
	"strings"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"
)

// topics are those that are published on: the one that is joined at the start, and others.
type topics struct {
	node   host.Host
	gossip *pubsub.PubSub
	joined map[string]*pubsub.Topic
}

func newTopics(node host.Host, gossip *pubsub.PubSub, first *pubsub.Topic) *topics {
	return &topics{node: node, gossip: gossip, joined: map[string]*pubsub.Topic{first.String(): first}}
}

// publish has "TOPIC TEXT" published as soon as all peers are in the mesh of that topic.
func (t *topics) publish(ctx context.Context, line string) error {
	name, text, _ := strings.Cut(line, " ")
	topic, found := t.joined[name]
	if !found {
		var err error
		if topic, err = t.gossip.Join(name); err != nil {
			return err
		}
		if _, err = topic.Relay(); err != nil { // it has no mesh otherwise, and is never ready
			return err
		}
		t.joined[name] = topic
	}
	all := pubsub.MinTopicSize(len(t.node.Network().Peers()))
	go func() {
		if err := topic.Publish(ctx, []byte(text), pubsub.WithReadiness(all)); err != nil {
			say("error", map[string]any{"error": err.Error()})
		}
	}()
	return nil
}
