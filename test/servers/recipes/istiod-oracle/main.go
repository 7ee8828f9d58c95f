// istiod-oracle says what istiod would send to a proxy for the given Istio objects, without a cluster and without a server to start.
//
// In: one case a line, `{yaml, node, mesh?, listeners?}` (see `testCase`).
// Out: a line `> {…}` for each, in the same order (see `answer`). Istio's packages log to stdout too, hence the mark.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/test"
)

// testCase is one input: the objects, and who asks.
type testCase struct {
	// Several documents, as `kubectl apply` would take them.
	YAML string `json:"yaml"`
	Node node   `json:"node"`
	// MeshConfig as YAML; what it does not say has Istio's default.
	Mesh string `json:"mesh"`
	// Names that are asked of LDS; a proxyless gRPC client asks for those it dials, Envoy asks for everything.
	Listeners []string `json:"listeners"`
}

type node struct {
	ID       string         `json:"id"`
	Cluster  string         `json:"cluster"`
	Locality locality       `json:"locality"`
	Metadata map[string]any `json:"metadata"`
}

type locality struct {
	Region  string `json:"region"`
	Zone    string `json:"zone"`
	SubZone string `json:"subZone"`
}

// answer holds the resources by name as ProtoJSON, or why there are none.
type answer struct {
	Error     string                     `json:"error,omitempty"`
	Clusters  map[string]json.RawMessage `json:"clusters"`
	Listeners map[string]json.RawMessage `json:"listeners"`
	Routes    map[string]json.RawMessage `json:"routes"`
	Endpoints map[string]json.RawMessage `json:"endpoints"`
	// The WorkloadEntries that it has made of proxies that name a WorkloadGroup, by `namespace/name`.
	Registered   map[string]workloadEntry `json:"registered,omitempty"`
	Milliseconds int64                    `json:"milliseconds"`
}

type workloadEntry struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Spec        json.RawMessage   `json:"spec"`
}

func main() {
	quiet()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Only what goes wrong inside istiod, and on stderr.
func quiet() {
	options := log.DefaultOptions()
	options.SetDefaultOutputLevel("all", log.ErrorLevel)
	options.OutputPaths = []string{"stderr"}
	if err := log.Configure(options); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func run() error {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			text, err := json.Marshal(answerTo(line))
			if err != nil {
				return err
			}
			if _, err := fmt.Printf("> %s\n", text); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func answerTo(line []byte) answer {
	began := time.Now()
	var input testCase
	if err := json.Unmarshal(line, &input); err != nil {
		return answer{Error: err.Error()}
	}
	var out answer
	// The fakes of Istio want a testing.T. Wrap is one that ends a goroutine instead of a test and runs the clean-ups.
	failed := test.Wrap(func(t test.Failer) {
		out = translate(t, input)
	})
	if failed != nil && out.Error == "" {
		out = answer{Error: failed.Error()}
	}
	out.Milliseconds = time.Since(began).Milliseconds()
	return out
}
