package main

import (
	"context"
	"encoding/json"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/xds"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Empty in, StringValue out: the name of who answered.
const who = "/isthmus.test.Names/Who"

const callTimeout = 5 * time.Second

type order struct {
	Target  string            `json:"target"`
	Calls   int               `json:"calls"`
	Headers map[string]string `json:"headers"`
}

// answers counts by name, or by code of the failure; said is the last failure's text.
type answers struct {
	Counts map[string]int `json:"counts"`
	Said   string         `json:"said,omitempty"`
}

func callGRPC() error {
	clients := map[string]*grpc.ClientConn{}
	return orders(func(line []byte) any {
		var wanted order
		if err := json.Unmarshal(line, &wanted); err != nil {
			return answers{Said: err.Error()}
		}
		client := clients[wanted.Target]
		if client == nil {
			made, err := grpc.NewClient(wanted.Target, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				return answers{Said: err.Error()}
			}
			client, clients[wanted.Target] = made, made
		}
		return call(client, wanted)
	})
}

func call(client *grpc.ClientConn, wanted order) answers {
	result := answers{Counts: map[string]int{}}
	for range wanted.Calls {
		ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(context.Background(), metadata.New(wanted.Headers)), callTimeout)
		name := &wrapperspb.StringValue{}
		err := client.Invoke(ctx, who, &emptypb.Empty{}, name)
		cancel()
		if err == nil {
			result.Counts[name.Value]++
		} else {
			result.Counts[status.Code(err).String()]++
			result.Said = err.Error()
		}
	}
	return result
}

func serveGRPC(name, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	mode := func(_ net.Addr, args xds.ServingModeChangeArgs) {
		told := map[string]any{"serving": args.Mode == connectivity.ServingModeServing}
		if args.Err != nil {
			told["said"] = args.Err.Error()
		}
		say(told)
	}
	server, err := xds.NewGRPCServer(xds.ServingModeCallback(mode))
	if err != nil {
		return err
	}
	answer := func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) {
		return wrapperspb.String(name), nil
	}
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "isthmus.test.Names",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Who", Handler: answer}},
	}, struct{}{})
	go func() {
		_ = orders(func([]byte) any { return name })
		server.Stop()
	}()
	return server.Serve(listener)
}
