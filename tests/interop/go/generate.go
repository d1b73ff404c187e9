package main

import (
	"fmt"
	"math"
	"math/rand"
	"reflect"
	"strings"
)

const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// awkward holds what JSON encoders write differently from each other.
var awkward = []string{
	"running", "finished with errors", "", "<b>&amp;</b>", "a \"quoted\" \\ path/", "tab\tand\nnewline",
	"żółć", "日本語", "🚀 launched", "line\u2028separator", "nul\u0000byte", "null",
}

var edgeFloats = []float32{
	0, float32(math.Copysign(0, -1)), -1.5, 0.1, 1e-7, 1e21, 16777216, 16777218,
	math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32,
}

var edgeInts = []int32{0, 1, -1, math.MaxInt32, math.MinInt32}

// generate fills an event with values that depend on rng alone and returns it with the peer it is from.
func generate(rng *rand.Rand, bare string) (event any, source string) {
	event = kinds[bare]()
	source = "_"
	value := reflect.ValueOf(event).Elem()
	fill(rng, value)
	for _, name := range []string{"PeerID", "PeerIDOfServiceHost"} {
		if field := value.FieldByName(name); field.IsValid() {
			source = field.String()
		}
	}
	return event, source
}

func fill(rng *rand.Rand, value reflect.Value) {
	for i := range value.NumField() {
		name, field := value.Type().Field(i).Name, value.Field(i)
		switch field.Kind() {
		case reflect.Struct:
			fill(rng, field)
		case reflect.String:
			field.SetString(text(rng, name))
		case reflect.Int32:
			field.SetInt(int64(pick(rng, edgeInts, rng.Int31n(100_000))))
		case reflect.Float32:
			field.SetFloat(float64(number(rng, name)))
		default:
			panic("no generator for " + field.Kind().String())
		}
	}
}

func text(rng *rand.Rand, name string) string {
	switch {
	case strings.HasPrefix(name, "PeerID"):
		return peerID(rng)
	case name == "ServiceID":
		return fmt.Sprintf("service-%d", rng.Intn(1000))
	}
	return awkward[rng.Intn(len(awkward))]
}

func number(rng *rand.Rand, name string) float32 {
	switch name {
	case "Timestamp": // in 2025, so that every reader finds it plausible
		return float32(1_735_689_600 + rng.Int63n(300*24*3600))
	case "CallID": // past 2^24, where float32 merges neighbours
		return float32(1<<24 + rng.Int63n(1<<31))
	}
	return pick(rng, edgeFloats, rng.Float32()*10_000)
}

// pick returns one of the edges in a third of the cases, and usual in the others.
func pick[T any](rng *rand.Rand, edges []T, usual T) T {
	if rng.Intn(3) == 0 {
		return edges[rng.Intn(len(edges))]
	}
	return usual
}

func peerID(rng *rand.Rand) string {
	id := []byte("12D3KooW")
	for range 44 {
		id = append(id, base58[rng.Intn(len(base58))])
	}
	return string(id)
}
