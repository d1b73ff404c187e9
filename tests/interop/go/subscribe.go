package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	fetchLimit = 500
	fetchWait  = 2 * time.Second
)

type subscribeOptions struct {
	url, root, stream, durable string
	count                      int
	timeout                    time.Duration
}

func parseSubscribe(args []string) (subscribeOptions, error) {
	var o subscribeOptions
	flags := flag.NewFlagSet("subscribe", flag.ContinueOnError)
	flags.StringVar(&o.url, "url", nats.DefaultURL, "server")
	flags.StringVar(&o.root, "subject-root", "dms", "first token of the subjects")
	flags.StringVar(&o.stream, "stream", "DMS_EVENTS", "stream to read")
	flags.StringVar(&o.durable, "durable", "", "name of the consumer; empty for one of this run")
	flags.IntVar(&o.count, "count", 1, "events to wait for")
	flags.DurationVar(&o.timeout, "timeout", time.Minute, "give up after this long")
	return o, flags.Parse(args)
}

func subscribe(ctx context.Context, p printer, args []string) error {
	o, err := parseSubscribe(args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	nc, js, err := connect(o.url)
	if err != nil {
		return err
	}
	defer nc.Close()
	consumer, err := js.CreateOrUpdateConsumer(ctx, o.stream, jetstream.ConsumerConfig{
		Durable:       o.durable,
		FilterSubject: fmt.Sprintf("%s.events.%s.>", o.root, module),
		AckPolicy:     jetstream.AckExplicitPolicy,
	})
	if err != nil {
		return err
	}
	for taken := 0; taken < o.count; {
		n, err := takeBatch(ctx, p, consumer, min(o.count-taken, fetchLimit))
		if err != nil {
			return err
		}
		taken += n
		if ctx.Err() != nil && taken < o.count {
			return fmt.Errorf("%d of %d events arrived: %w", taken, o.count, ctx.Err())
		}
	}
	return nc.FlushTimeout(10 * time.Second)
}

func takeBatch(ctx context.Context, p printer, consumer jetstream.Consumer, limit int) (int, error) {
	deadline, _ := ctx.Deadline()
	wait := max(min(fetchWait, time.Until(deadline)), time.Millisecond)
	batch, err := consumer.Fetch(limit, jetstream.FetchMaxWait(wait))
	if err != nil {
		return 0, err
	}
	taken := 0
	for message := range batch.Messages() {
		if err := handle(p, message); err != nil {
			return taken, err
		}
		taken++
	}
	if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
		return taken, err
	}
	return taken, nil
}

func handle(p printer, message jetstream.Msg) error {
	messageType, event, err := readEvent(message.Data())
	if err != nil {
		return fmt.Errorf("%s: %w", message.Subject(), err)
	}
	again, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("%s: %w", message.Subject(), err)
	}
	if err := p.print(line{string(messageType), message.Subject(), string(again)}); err != nil {
		return err
	}
	return message.Ack()
}
