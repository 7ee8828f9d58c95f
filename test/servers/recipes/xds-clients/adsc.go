package main

import (
	"context"
	"sort"
	"sync"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"google.golang.org/protobuf/types/known/structpb"

	v3 "istio.io/istio/pilot/pkg/xds/v3"
	"istio.io/istio/pilot/test/xdstest"
	"istio.io/istio/pkg/adsc"
)

// has are the names of what the client holds.
type has struct {
	Clusters  []string            `json:"clusters"`
	Listeners []string            `json:"listeners"`
	Routes    []string            `json:"routes"`
	Endpoints map[string][]string `json:"endpoints"`
}

func followSotW(server, ip string) error {
	client, err := adsc.New(server, &adsc.ADSConfig{
		Config: adsc.Config{Namespace: "shop", Workload: "adsc-1", IP: ip, Meta: nodeMetadata()},
		// istiod's client asks for routes and endpoints itself, by what clusters and listeners name.
		InitialDiscoveryRequests: []*discovery.DiscoveryRequest{{TypeUrl: v3.ClusterType}, {TypeUrl: v3.ListenerType}},
	})
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Run(); err != nil {
		return err
	}
	return orders(func([]byte) any {
		endpoints := map[string][]string{}
		for name, assignment := range client.GetEndpoints() {
			endpoints[name] = addresses(assignment)
		}
		return has{
			Clusters:  append(names(client.GetClusters()), names(client.GetEdsClusters())...),
			Listeners: append(names(client.GetHTTPListeners()), names(client.GetTCPListeners())...),
			Routes:    names(client.GetRoutes()),
			Endpoints: endpoints,
		}
	})
}

func followDelta(server, ip string) error {
	var mutex sync.Mutex
	clusters, listeners, routes := map[string]bool{}, map[string]bool{}, map[string]bool{}
	endpoints := map[string][]string{}
	note := func(in map[string]bool, name string, event adsc.Event) {
		mutex.Lock()
		defer mutex.Unlock()
		if event == adsc.EventDelete {
			delete(in, name)
		} else {
			in[name] = true
		}
	}
	config := &adsc.DeltaADSConfig{Config: adsc.Config{Namespace: "shop", Workload: "adsc-delta-1", IP: ip, Meta: nodeMetadata()}}
	client := adsc.NewDelta(server, config,
		adsc.Register(func(ctx adsc.HandlerContext, name string, _ string, it *clusterv3.Cluster, event adsc.Event) {
			note(clusters, name, event)
			if event != adsc.EventDelete && it.GetType() == clusterv3.Cluster_EDS {
				ctx.RegisterDependency(v3.EndpointType, name)
			}
		}),
		adsc.Register(func(_ adsc.HandlerContext, name string, _ string, it *endpointv3.ClusterLoadAssignment, event adsc.Event) {
			mutex.Lock()
			defer mutex.Unlock()
			if event == adsc.EventDelete {
				delete(endpoints, name)
			} else {
				endpoints[name] = addresses(it)
			}
		}),
		adsc.Register(func(ctx adsc.HandlerContext, name string, _ string, it *listenerv3.Listener, event adsc.Event) {
			note(listeners, name, event)
			if event != adsc.EventDelete {
				ctx.RegisterDependency(v3.RouteType, xdstest.ExtractRoutesFromListeners([]*listenerv3.Listener{it})...)
			}
		}),
		adsc.Register(func(_ adsc.HandlerContext, name string, _ string, _ *routev3.RouteConfiguration, event adsc.Event) {
			note(routes, name, event)
		}),
		adsc.Watch[*clusterv3.Cluster]("*"),
		adsc.Watch[*listenerv3.Listener]("*"),
	)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go client.Run(ctx)
	return orders(func([]byte) any {
		mutex.Lock()
		defer mutex.Unlock()
		held := map[string][]string{}
		for name, list := range endpoints {
			held[name] = list
		}
		return has{Clusters: names(clusters), Listeners: names(listeners), Routes: names(routes), Endpoints: held}
	})
}

// nodeMetadata is what Istio's agent says of a sidecar behind iptables.
func nodeMetadata() *structpb.Struct {
	text := func(value string) *structpb.Value { return structpb.NewStringValue(value) }
	return &structpb.Struct{Fields: map[string]*structpb.Value{"NAMESPACE": text("shop"), "INTERCEPTION_MODE": text("REDIRECT")}}
}

func addresses(assignment *endpointv3.ClusterLoadAssignment) []string {
	found := []string{}
	for _, locality := range assignment.GetEndpoints() {
		for _, endpoint := range locality.GetLbEndpoints() {
			found = append(found, endpoint.GetEndpoint().GetAddress().GetSocketAddress().GetAddress())
		}
	}
	sort.Strings(found)
	return found
}

func names[T any](of map[string]T) []string {
	found := make([]string, 0, len(of))
	for name := range of {
		found = append(found, name)
	}
	sort.Strings(found)
	return found
}
