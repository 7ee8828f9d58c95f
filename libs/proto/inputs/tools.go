//go:build tools

package tools

import (
	_ "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	_ "istio.io/api/networking/v1alpha3"
	_ "istio.io/api/mcp/v1alpha1"
)
