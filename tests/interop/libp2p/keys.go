package main

import (
	"encoding/base64"
	"os"
	"strings"

	"github.com/libp2p/go-libp2p/core/crypto"
)

func loadKey(o options) (crypto.PrivKey, error) {
	if o.keyFile != "" {
		if text, err := os.ReadFile(o.keyFile); err == nil {
			marshalled, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
			if err != nil {
				return nil, err
			}
			return crypto.UnmarshalPrivateKey(marshalled)
		}
	}
	kinds := map[string]int{"ed25519": crypto.Ed25519, "secp256k1": crypto.Secp256k1, "rsa": crypto.RSA}
	key, _, err := crypto.GenerateKeyPair(kinds[o.keyType], 2048)
	if err != nil || o.keyFile == "" {
		return key, err
	}
	marshalled, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(o.keyFile, []byte(base64.StdEncoding.EncodeToString(marshalled)), 0o600)
}
