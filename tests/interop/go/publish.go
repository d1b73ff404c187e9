package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

type publishOptions struct {
	url, root string
	count     int
	seed      int64
	types     []string
	bare      bool
	window    int
	timeout   time.Duration
}

func parsePublish(args []string) (publishOptions, error) {
	var o publishOptions
	var types string
	flags := flag.NewFlagSet("publish", flag.ContinueOnError)
	flags.StringVar(&o.url, "url", nats.DefaultURL, "server")
	flags.StringVar(&o.root, "subject-root", "dms", "first token of the subjects")
	flags.IntVar(&o.count, "count", 1, "number of events")
	flags.Int64Var(&o.seed, "seed", 1, "the same seed gives the same events")
	flags.StringVar(&types, "types", strings.Join(allTypes, ","), "types to take turns")
	flags.BoolVar(&o.bare, "bare", false, "write the bare Go name as the envelope's Type")
	flags.IntVar(&o.window, "window", 256, "publishes that may wait for an ack")
	flags.DurationVar(&o.timeout, "timeout", time.Minute, "give up after this long")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	for _, name := range strings.Split(types, ",") {
		bare, err := bareName(strings.TrimSpace(name))
		if err != nil {
			return o, err
		}
		o.types = append(o.types, bare)
	}
	return o, nil
}

func publish(ctx context.Context, p printer, args []string) error {
	o, err := parsePublish(args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	nc, js, err := connect(o.url, jetstream.WithPublishAsyncMaxPending(o.window))
	if err != nil {
		return err
	}
	defer nc.Close()
	rng := rand.New(rand.NewSource(o.seed))
	futures := make([]jetstream.PubAckFuture, 0, o.count)
	for i := range o.count {
		subject, data, shown, err := nextMessage(rng, o, o.types[i%len(o.types)])
		if err != nil {
			return err
		}
		future, err := js.PublishAsync(subject, data, jetstream.WithStallWait(o.timeout))
		if err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
		futures = append(futures, future)
		if err := p.print(shown); err != nil {
			return err
		}
	}
	if err := awaitAcks(ctx, futures); err != nil {
		return err
	}
	return p.print(map[string]int{"published": len(futures)})
}

func nextMessage(rng *rand.Rand, o publishOptions, bare string) (string, []byte, line, error) {
	event, source := generate(rng, bare)
	payload, err := json.Marshal(event)
	if err != nil {
		return "", nil, line{}, err
	}
	registryName := module + "." + bare
	envelope := MessageEnvelope{Type: MessageType(registryName), Data: payload}
	if o.bare {
		envelope.Type = MessageType(bare)
	}
	data, err := json.Marshal(envelope)
	if err != nil {
		return "", nil, line{}, err
	}
	subject := fmt.Sprintf("%s.events.%s.%s", o.root, registryName, source)
	return subject, data, line{registryName, subject, string(payload)}, nil
}

func awaitAcks(ctx context.Context, futures []jetstream.PubAckFuture) error {
	for i, future := range futures {
		select {
		case <-future.Ok():
		case err := <-future.Err():
			return fmt.Errorf("event %d: %w", i, err)
		case <-ctx.Done():
			return fmt.Errorf("%d of %d acknowledged: %w", i, len(futures), ctx.Err())
		}
	}
	return nil
}
