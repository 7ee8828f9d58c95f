package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sort"
	"strings"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	"istio.io/api/annotation"
	meshconfig "istio.io/api/mesh/v1alpha1"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	v3 "istio.io/istio/pilot/pkg/xds/v3"
	fake "istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/schema/gvk"
	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/test"
)

// The age of an object that does not tell its own: equal for all, so that names decide, not the order of the file.
var sameAge = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// translate starts an istiod that has these objects, and asks it over ADS as the proxy would.
func translate(t test.Failer, input testCase) answer {
	objects, err := parse(input.YAML)
	if err != nil {
		return answer{Error: err.Error()}
	}
	var settings *meshconfig.MeshConfig
	if input.Mesh != "" {
		if settings, err = mesh.ApplyMeshConfigDefaults(input.Mesh); err != nil {
			return answer{Error: err.Error()}
		}
	}
	// It keeps all collections that were ever made: 3 MB a case.
	krt.GlobalDebugHandler = new(krt.DebugHandler)
	server := fake.NewFakeDiscoveryServer(t, fake.FakeOptions{Configs: objects, MeshConfig: settings})
	out := ask(t, server, input)
	if out.Error == "" {
		out.Registered = registered(t, server)
	}
	return out
}

// What its autoregistration has written: a connection is let in when that is done.
func registered(t test.Failer, server *fake.FakeDiscoveryServer) map[string]workloadEntry {
	out := map[string]workloadEntry{}
	for _, found := range server.Store().List(gvk.WorkloadEntry, "") {
		if _, is := found.Annotations[annotation.IoIstioAutoRegistrationGroup.Name]; !is {
			continue
		}
		spec, err := protojson.Marshal(found.Spec.(proto.Message))
		if err != nil {
			t.Fatal(err)
		}
		out[found.Namespace+"/"+found.Name] = workloadEntry{Labels: found.Labels, Annotations: found.Annotations, Spec: spec}
	}
	return out
}

func parse(yaml string) ([]config.Config, error) {
	objects, others, err := crd.ParseInputs(yaml)
	if err != nil {
		return nil, err
	}
	if len(others) > 0 {
		return nil, fmt.Errorf("%s %s is of no kind that Pilot knows", others[0].Kind, others[0].Name)
	}
	for i := range objects {
		// Without it short hosts become `shop.default` and rules match nothing, silently.
		objects[i].Domain = "cluster.local"
		if objects[i].Namespace == "" {
			objects[i].Namespace = "default"
		}
		if objects[i].CreationTimestamp.IsZero() {
			objects[i].CreationTimestamp = sameAge
		}
	}
	return objects, nil
}

func ask(t test.Failer, server *fake.FakeDiscoveryServer, input testCase) answer {
	metadata, err := structpb.NewStruct(input.Node.Metadata)
	if err != nil {
		return answer{Error: err.Error()}
	}
	stream := open(t, server)
	stream.node = &core.Node{
		Id:       input.Node.ID,
		Cluster:  input.Node.Cluster,
		Metadata: metadata,
		Locality: &core.Locality{Region: input.Node.Locality.Region, Zone: input.Node.Locality.Zone, SubZone: input.Node.Locality.SubZone},
	}
	if input.Node.Metadata["GENERATOR"] == "grpc" {
		return askAsGRPC(t, stream, input.Listeners)
	}
	clusters := stream.get(t, v3.ClusterType, nil)
	listeners := stream.get(t, v3.ListenerType, nil)
	return answer{
		Clusters:  toJSON(t, clusters),
		Listeners: toJSON(t, listeners),
		Routes:    toJSON(t, stream.getNamed(t, v3.RouteType, routeNames(t, listeners))),
		Endpoints: toJSON(t, stream.getNamed(t, v3.EndpointType, loadAssignmentNames(t, clusters))),
	}
}

// A gRPC client asks for its listener, the routes that it names, their clusters, and their endpoints.
func askAsGRPC(t test.Failer, stream *stream, dialled []string) answer {
	listeners := stream.getNamed(t, v3.ListenerType, dialled)
	routes := stream.getNamed(t, v3.RouteType, routeNames(t, listeners))
	clusters := stream.getNamed(t, v3.ClusterType, clusterNames(t, routes))
	return answer{
		Clusters:  toJSON(t, clusters),
		Listeners: toJSON(t, listeners),
		Routes:    toJSON(t, routes),
		Endpoints: toJSON(t, stream.getNamed(t, v3.EndpointType, loadAssignmentNames(t, clusters))),
	}
}

type stream struct {
	discovery.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	node *core.Node
}

func open(t test.Failer, server *fake.FakeDiscoveryServer) *stream {
	dial := grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return server.BufListener.Dial() })
	connection, err := grpc.NewClient("passthrough:///istiod", grpc.WithTransportCredentials(insecure.NewCredentials()), dial,
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<28)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(func() {
		cancel()
		_ = connection.Close()
	})
	client, err := discovery.NewAggregatedDiscoveryServiceClient(connection).StreamAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &stream{client, nil}
}

func (s *stream) getNamed(t test.Failer, typeURL string, names []string) []*anypb.Any {
	if len(names) == 0 {
		return nil
	}
	return s.get(t, typeURL, names)
}

// The first answer of that type; pushes of others are passed over.
func (s *stream) get(t test.Failer, typeURL string, names []string) []*anypb.Any {
	if err := s.Send(&discovery.DiscoveryRequest{Node: s.node, TypeUrl: typeURL, ResourceNames: names}); err != nil {
		t.Fatal(err)
	}
	for {
		response, err := s.Recv()
		if err != nil {
			t.Fatalf("asked for %s %v: %v", typeURL, names, err)
		}
		if response.TypeUrl == typeURL {
			return response.Resources
		}
	}
}

func routeNames(t test.Failer, resources []*anypb.Any) []string {
	names := map[string]bool{}
	add := func(typed *anypb.Any) {
		if manager := (&hcm.HttpConnectionManager{}); typed.MessageIs(manager) {
			unpack(t, typed, manager)
			if name := manager.GetRds().GetRouteConfigName(); name != "" {
				names[name] = true
			}
		}
	}
	for _, resource := range resources {
		found := &listener.Listener{}
		unpack(t, resource, found)
		add(found.GetApiListener().GetApiListener())
		for _, chain := range append(found.FilterChains, found.DefaultFilterChain) {
			for _, filter := range chain.GetFilters() {
				add(filter.GetTypedConfig())
			}
		}
	}
	return sorted(names)
}

func clusterNames(t test.Failer, resources []*anypb.Any) []string {
	names := map[string]bool{}
	for _, resource := range resources {
		found := &route.RouteConfiguration{}
		unpack(t, resource, found)
		for _, host := range found.VirtualHosts {
			for _, r := range host.Routes {
				if name := r.GetRoute().GetCluster(); name != "" {
					names[name] = true
				}
				for _, weighted := range r.GetRoute().GetWeightedClusters().GetClusters() {
					names[weighted.Name] = true
				}
			}
		}
	}
	return sorted(names)
}

func loadAssignmentNames(t test.Failer, resources []*anypb.Any) []string {
	names := map[string]bool{}
	for _, resource := range resources {
		found := &cluster.Cluster{}
		unpack(t, resource, found)
		if found.GetType() != cluster.Cluster_EDS {
			continue
		}
		if name := found.GetEdsClusterConfig().GetServiceName(); name != "" {
			names[name] = true
		} else {
			names[found.Name] = true
		}
	}
	return sorted(names)
}

func sorted(set map[string]bool) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func unpack(t test.Failer, from *anypb.Any, into proto.Message) {
	if err := from.UnmarshalTo(into); err != nil {
		t.Fatal(err)
	}
}

func toJSON(t test.Failer, resources []*anypb.Any) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for _, resource := range resources {
		message, err := resource.UnmarshalNew()
		if err != nil {
			t.Fatal(err)
		}
		text, err := protojson.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		name := nameOf(message)
		if _, twice := out[name]; twice {
			t.Fatalf("two resources are named %s", name)
		}
		out[name] = text
	}
	return out
}

func nameOf(message proto.Message) string {
	switch m := message.(type) {
	case interface{ GetName() string }:
		return m.GetName()
	case interface{ GetClusterName() string }:
		return m.GetClusterName()
	default:
		return strings.ToLower(string(message.ProtoReflect().Descriptor().Name()))
	}
}
