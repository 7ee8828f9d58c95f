// xds-clients are the clients of an aggregated xDS server that exist only in Go: grpc-go as caller and as server, and istiod's own
// ADS client in both of its forms. Each line on stdin is an order, each line `> {…}` on stdout an answer, in the same order; what
// the libraries log is on stderr.
//
//	xds-clients grpc                          orders: {target, calls, headers}; GRPC_XDS_BOOTSTRAP names the bootstrap
//	xds-clients grpc-server NAME IP:PORT      says {serving: true} when it got its listener; ends with stdin
//	xds-clients adsc HOST:PORT NODE-IP        any line: what state of the world it has now
//	xds-clients adsc-delta HOST:PORT NODE-IP  any line: what it has by incremental xDS
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "grpc":
		return callGRPC()
	case len(args) == 3 && args[0] == "grpc-server":
		return serveGRPC(args[1], args[2])
	case len(args) == 3 && args[0] == "adsc":
		return followSotW(args[1], args[2])
	case len(args) == 3 && args[0] == "adsc-delta":
		return followDelta(args[1], args[2])
	}
	return errors.New("usage: xds-clients grpc | grpc-server NAME IP:PORT | adsc HOST:PORT IP | adsc-delta HOST:PORT IP")
}

// orders calls do with each line, until stdin ends.
func orders(do func(line []byte) any) error {
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			say(do(line))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

var out sync.Mutex

func say(answer any) {
	text, err := json.Marshal(answer)
	if err != nil {
		text, _ = json.Marshal(map[string]string{"error": err.Error()})
	}
	out.Lock()
	defer out.Unlock()
	fmt.Printf("> %s\n", text)
}
