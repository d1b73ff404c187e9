// Command oracle says what encoding/json makes of documents: one question a
// line, one answer a line.
//
//	{"type": "machine.Gpu", "json": "<base64>"} -> {"json": "<marshalled again>"}
//
// A document which json.Unmarshal rejects, and a value which json.Marshal then
// cannot write, gives {"error": "..."}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"reflect"
	"time"
)

type question struct {
	Type string `json:"type"`
	JSON []byte `json:"json"`
}

type answer struct {
	JSON  string `json:"json"`
	Error string `json:"error,omitempty"`
}

func canonical(q question) (string, error) {
	t, ok := byName[q.Type]
	if !ok {
		return "", fmt.Errorf("oracle: unknown type %q", q.Type)
	}
	value := reflect.New(t)
	if err := json.Unmarshal(q.JSON, value.Interface()); err != nil {
		return "", err
	}
	written, err := json.Marshal(value.Elem().Interface())
	return string(written), err
}

func main() {
	time.Local = time.UTC
	questions := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20))
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	answers := json.NewEncoder(out)
	answers.SetEscapeHTML(false)
	for questions.More() {
		var q question
		if err := questions.Decode(&q); err != nil {
			log.Fatal(err)
		}
		var a answer
		var err error
		if a.JSON, err = canonical(q); err != nil {
			a.Error = err.Error()
		}
		if err := answers.Encode(a); err != nil {
			log.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}
