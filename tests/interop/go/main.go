// Command dmspeer is a DMS node as far as the message bus can tell: it publishes and reads stats
// events with nothing but nats.go and encoding/json, for the interop tests of dms-events.
//
// Every line on stdout is one JSON object; the last one of a failed run has the key "error".
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// line is what is printed for one event; its JSON is text, so that no reader rounds its numbers.
type line struct {
	Type    string `json:"type"`
	Subject string `json:"subject"`
	JSON    string `json:"json"`
}

type printer struct {
	out *bufio.Writer
}

func (p printer) print(value any) error {
	encoder := json.NewEncoder(p.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

func connect(url string, opts ...jetstream.JetStreamOpt) (*nats.Conn, jetstream.JetStream, error) {
	nc, err := nats.Connect(url, nats.Name("dmspeer"))
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc, opts...)
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	return nc, js, nil
}

func run(ctx context.Context, p printer, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: dmspeer publish|subscribe [flags]")
	}
	switch args[0] {
	case "publish":
		return publish(ctx, p, args[1:])
	case "subscribe":
		return subscribe(ctx, p, args[1:])
	}
	return fmt.Errorf("unknown command %q: publish or subscribe", args[0])
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	p := printer{bufio.NewWriter(os.Stdout)}
	err := run(ctx, p, os.Args[1:])
	if err != nil {
		_ = p.print(map[string]string{"error": err.Error()})
	}
	if flushErr := p.out.Flush(); err == nil {
		err = flushErr
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dmspeer:", err)
		os.Exit(1)
	}
}
