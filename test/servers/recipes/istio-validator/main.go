// istio-validator says of each object on stdin what Istio and its CRDs would say of it.
//
// In: one JSON object a line, as `kubectl apply` would take it (apiVersion, kind, metadata, spec).
// Out: one line each, in the same order: `> null`, or `> ` and the reason as a JSON string. Istio's packages log to stdout too.
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
	defer out.Flush()
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			answer := []byte("null")
			if reason := validate(cluster, line); reason != nil {
				answer, _ = json.Marshal(reason.Error())
			}
			fmt.Fprintf(out, "> %s\n", answer)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// The webhook of istiod first (pkg/config/validation), then what kube-apiserver checks: schema, unknown fields, CEL.
func validate(cluster *crd.Validator, line []byte) error {
	var object istiocrd.IstioKind
	if err := json.Unmarshal(line, &object); err != nil {
		return err
	}
	gvk := object.GroupVersionKind()
	schema, exists := collections.Pilot.FindByGroupVersionAliasesKind(resource.FromKubernetesGVK(&gvk))
	if !exists {
		return fmt.Errorf("%v is no kind of Istio's", gvk)
	}
	config, err := istiocrd.ConvertObject(schema, &object, "cluster.local")
	if err != nil {
		return err
	}
	if _, err := schema.ValidateConfig(*config); err != nil {
		return err
	}
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
