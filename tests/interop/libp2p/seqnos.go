package main

import (
	"context"
	"log/slog"
	"reflect"
	"sync"
	"time"
	"unsafe"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
)

// setClockBack numbers messages as after that. The library numbers from the clock, and has no option.
func setClockBack(gossip *pubsub.PubSub, by time.Duration) {
	counter := reflect.ValueOf(gossip).Elem().FieldByName("counter")
	*(*uint64)(unsafe.Pointer(counter.UnsafeAddr())) -= uint64(by)
}

func risingSeqnos() pubsub.ValidatorEx {
	return pubsub.NewBasicSeqnoValidator(&seqnos{last: map[peer.ID][]byte{}}, slog.Default())
}

// seqnos keeps the last number of each peer.
type seqnos struct {
	lock sync.Mutex
	last map[peer.ID][]byte
}

func (s *seqnos) Get(_ context.Context, of peer.ID) ([]byte, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.last[of], nil
}

func (s *seqnos) Put(_ context.Context, of peer.ID, number []byte) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.last[of] = number
	return nil
}
