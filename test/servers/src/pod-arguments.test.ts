import { expect, test } from '@jest/globals';
import { dockerArguments, serviceLinks } from './pod-arguments.ts';
import { readPod } from './pod-spec.ts';

const probe = { exec: { command: ['node'] }, periodSeconds: 2, timeoutSeconds: 3, failureThreshold: 4, successThreshold: 1 };
const container = {
  name: 'main',
  image: 'shop:1',
  imagePullPolicy: 'IfNotPresent',
  args: ['serve', '-c', 'file'],
  ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }],
  startupProbe: probe,
  readinessProbe: probe,
  livenessProbe: probe,
  resources: { requests: { cpu: '250m', memory: '1Mi' }, limits: { memory: '2Gi' } },
  securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
  volumeMounts: [
    { name: 'config', mountPath: '/etc/shop', readOnly: true },
    { name: 'data', mountPath: '/data' },
  ],
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
};
const spec = {
  serviceAccountName: 'shop',
  serviceAccount: 'shop',
  terminationGracePeriodSeconds: 7,
  securityContext: {
    runAsNonRoot: true,
    runAsUser: 1001,
    runAsGroup: 1002,
    fsGroup: 1003,
    seccompProfile: { type: 'RuntimeDefault' },
  },
  containers: [container],
  volumes: [
    { name: 'config', configMap: { name: 'shop', defaultMode: 420 } },
    { name: 'data', persistentVolumeClaim: { claimName: 'shop' } },
  ],
  restartPolicy: 'Always',
  dnsPolicy: 'ClusterFirst',
  enableServiceLinks: true,
  schedulerName: 'default-scheduler',
  preemptionPolicy: 'PreemptLowerPriority',
  priority: 0,
  tolerations: [],
};
const pod = (more: object = {}, ofContainer: object = {}) => ({
  metadata: { name: 'shop-1', namespace: 'shop', uid: 'u' },
  spec: { ...spec, containers: [{ ...container, ...ofContainer }], ...more },
});
const machine = {
  network: 'pods',
  address: '10.0.0.2',
  environment: { A: 'b' },
  directories: new Map(spec.volumes.map(({ name }) => [name, `/volumes/${name}`])),
};

test('every field of a Pod that changes how it runs becomes an argument', () => {
  expect(dockerArguments(readPod(pod()), machine).join(' ')).toBe(
    'create --name shop-1 --hostname shop-1 --network pods --ip 10.0.0.2 --env A=b --user 1001:1002 --group-add 1003 ' +
      '--read-only --security-opt no-new-privileges --cap-drop ALL --memory 2147483648 --memory-swap 2147483648 --cpu-shares 256 ' +
      '--mount type=bind,source=/volumes/config,target=/etc/shop,readonly --mount type=bind,source=/volumes/data,target=/data ' +
      '--stop-timeout 7 --pull never --no-healthcheck shop:1 serve -c file',
  );
});

test.each([
  ['a field of the Pod that is not known', pod({ hostNetwork: true }), 'hostNetwork'],
  ['a second container', pod({ containers: [container, container] }), 'containers'],
  ['a container before it', pod({ initContainers: [container] }), 'initContainers'],
  ['a field of the container', pod({}, { env: [{ name: 'A', value: 'b' }] }), 'env'],
  ['a field of a probe', pod({}, { livenessProbe: { ...probe, initialDelaySeconds: 5 } }), 'initialDelaySeconds'],
  ['a probe of another sort', pod({}, { readinessProbe: { ...probe, exec: undefined, httpGet: { port: 1 } } }), 'httpGet'],
  ['a right that it adds', pod({}, { securityContext: { ...container.securityContext, privileged: true } }), 'privileged'],
  ['a root that can be written', pod({}, { securityContext: { readOnlyRootFilesystem: false } }), 'readOnlyRootFilesystem'],
  ['a variable in an argument', pod({}, { args: ['$(HOME)'] }), 'args[0]'],
  ['a limit of another resource', pod({}, { resources: { ...container.resources, limits: { memory: '1Gi', cpu: '1' } } }), 'cpu'],
  ['a volume of another sort', pod({ volumes: [{ name: 'data', emptyDir: {} }] }), 'volumes[0]'],
  ['a mount of a part', pod({}, { volumeMounts: [{ name: 'data', mountPath: '/data', subPath: 'a' }] }), 'subPath'],
])('%s is refused by its name', (_, given, named) => {
  expect(() => readPod(given)).toThrow(named);
});

test('a mount without a volume is refused', () => {
  expect(() => dockerArguments(readPod(pod({ volumes: [] })), { ...machine, directories: new Map() })).toThrow(
    'main mounts config, and the Pod has no such volume',
  );
});

test('a Service is in the environment as a kubelet puts it there, a headless one is not', () => {
  const ports = [{ name: 'grpc-mcp', port: 15010, protocol: 'TCP' }];
  const services = [
    { metadata: { name: 'my-shop' }, spec: { clusterIP: '10.96.0.7', ports } },
    { metadata: { name: 'headless' }, spec: { clusterIP: 'None', ports } },
  ];
  expect(serviceLinks(services)).toEqual({
    MY_SHOP_SERVICE_HOST: '10.96.0.7',
    MY_SHOP_SERVICE_PORT: '15010',
    MY_SHOP_SERVICE_PORT_GRPC_MCP: '15010',
    MY_SHOP_PORT: 'tcp://10.96.0.7:15010',
    MY_SHOP_PORT_15010_TCP: 'tcp://10.96.0.7:15010',
    MY_SHOP_PORT_15010_TCP_PROTO: 'tcp',
    MY_SHOP_PORT_15010_TCP_PORT: '15010',
    MY_SHOP_PORT_15010_TCP_ADDR: '10.96.0.7',
  });
});
