/** A service `NAME.shop.svc.cluster.local` with one instance on this machine, as YAML. */
export function serviceEntry(name: string, port: number, protocol: 'http' | 'grpc' | 'tcp', targetPort: number): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}.shop.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: ${port}, name: ${protocol}, protocol: ${protocol.toUpperCase()} }]
  endpoints: [{ address: 127.0.0.1, ports: { ${protocol}: ${targetPort} } }]
`;
}
