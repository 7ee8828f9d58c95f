// istio-validator says of each object on stdin what Istio and its CRDs would say of it.
//
// In: one JSON object a line, as `kubectl apply` would take it (apiVersion, kind, metadata, spec).
// Out: one line each, in the same order: `> ` and a JSON object with what istiod's webhook says (`error`, `warning`) and what
// kube-apiserver says by the CRD (`crd`); empty texts are left out. Istio's packages log to stdout too.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"istio.io/istio/manifests"
	istiocrd "istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config/crd"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/resource"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	cluster, err := clusterValidator()
	if err != nil {
		return err
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			answer, err := json.Marshal(judge(cluster, line))
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "> %s\n", answer)
			// A line at a time: what Istio logs in between must not come into the middle of one.
			if err := out.Flush(); err != nil {
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

type judgement struct {
	Error   string `json:"error,omitempty"`
	Warning string `json:"warning,omitempty"`
	CRD     string `json:"crd,omitempty"`
}

func judge(cluster *crd.Validator, line []byte) judgement {
	warning, err := webhook(line)
	return judgement{Error: text(err), Warning: text(warning), CRD: text(apiserver(cluster, line))}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// pkg/config/validation, as istiod calls it for a CR and for a file.
func webhook(line []byte) (warning error, err error) {
	var object istiocrd.IstioKind
	if err := json.Unmarshal(line, &object); err != nil {
		return nil, err
	}
	gvk := object.GroupVersionKind()
	schema, exists := collections.Pilot.FindByGroupVersionAliasesKind(resource.FromKubernetesGVK(&gvk))
	if !exists {
		return nil, fmt.Errorf("%v is no kind of Istio's", gvk)
	}
	config, err := istiocrd.ConvertObject(schema, &object, "cluster.local")
	if err != nil {
		return nil, err
	}
	return schema.ValidateConfig(*config)
}

// What the CRD asks for: schema, unknown fields, CEL.
func apiserver(cluster *crd.Validator, line []byte) error {
	var plain unstructured.Unstructured
	if err := json.Unmarshal(line, &plain); err != nil {
		return err
	}
	return cluster.ValidateCustomResource(&plain)
}

// The CRDs are those that are compiled into istio.io/istio; the validator reads them from a file only.
func clusterValidator() (*crd.Validator, error) {
	definitions, err := manifests.FS.ReadFile("charts/base/files/crd-all.gen.yaml")
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp("", "istio-crds-*.yaml")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	if _, err := file.Write(definitions); err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	return crd.NewValidatorFromFiles(file.Name())
}
