/**
 * A Pod as the API server gives it to a kubelet, as far as pod-arguments.ts and pod-volumes.ts can run it. A field that they do not know
 * is refused, so that nothing in a manifest can be thought tested that was left out.
 */
import { z } from 'zod';

const probe = z.strictObject({
  exec: z.strictObject({ command: z.array(z.string()).min(1) }),
  periodSeconds: z.number(),
  timeoutSeconds: z.number(),
  failureThreshold: z.number(),
  successThreshold: z.literal(1),
});

const container = z.strictObject({
  name: z.string(),
  image: z.string(),
  imagePullPolicy: z.literal('IfNotPresent'),
  // `$(NAME)` would be a variable.
  args: z.array(z.string().regex(/^(?!.*\$\()/)),
  ports: z.array(z.strictObject({ name: z.string(), containerPort: z.number(), protocol: z.literal('TCP') })),
  startupProbe: probe,
  readinessProbe: probe,
  livenessProbe: probe,
  resources: z.strictObject({
    // Of memory the scheduler alone asks what is requested.
    requests: z.strictObject({ cpu: z.string().regex(/^\d+m$/), memory: z.string() }),
    limits: z.strictObject({ memory: z.string().regex(/^\d+[MG]i$/) }),
  }),
  securityContext: z.strictObject({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.strictObject({ drop: z.array(z.string()) }),
  }),
  volumeMounts: z.array(z.strictObject({ name: z.string(), mountPath: z.string(), readOnly: z.boolean().default(false) })),
  // Where a last word is left; the cluster's own defaults.
  terminationMessagePath: z.literal('/dev/termination-log'),
  terminationMessagePolicy: z.literal('File'),
});

const projection = z.union([
  z.strictObject({ serviceAccountToken: z.strictObject({ expirationSeconds: z.number(), path: z.string() }) }),
  z.strictObject({
    configMap: z.strictObject({ name: z.string(), items: z.array(z.strictObject({ key: z.string(), path: z.string() })) }),
  }),
  z.strictObject({
    downwardAPI: z.strictObject({
      items: z.array(
        z.strictObject({
          path: z.string(),
          fieldRef: z.strictObject({ apiVersion: z.literal('v1'), fieldPath: z.literal('metadata.namespace') }),
        }),
      ),
    }),
  }),
]);

const volume = z.union([
  z.strictObject({ name: z.string(), configMap: z.strictObject({ name: z.string(), defaultMode: z.number() }) }),
  z.strictObject({ name: z.string(), persistentVolumeClaim: z.strictObject({ claimName: z.string() }) }),
  z.strictObject({
    name: z.string(),
    projected: z.strictObject({ defaultMode: z.number(), sources: z.array(projection) }),
  }),
]);

const pod = z.object({
  metadata: z.object({ name: z.string(), namespace: z.string(), uid: z.string() }),
  spec: z.strictObject({
    serviceAccountName: z.string(),
    serviceAccount: z.string(), // the same by its old name
    terminationGracePeriodSeconds: z.number(),
    securityContext: z.strictObject({
      runAsNonRoot: z.literal(true),
      runAsUser: z.number().positive(),
      runAsGroup: z.number(),
      fsGroup: z.number(),
      seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
    }),
    containers: z.tuple([container]),
    volumes: z.array(volume),
    // What the API server adds. The name server is Docker's here; nodes are chosen by nobody.
    restartPolicy: z.literal('Always'),
    dnsPolicy: z.literal('ClusterFirst'),
    enableServiceLinks: z.literal(true),
    schedulerName: z.literal('default-scheduler'),
    preemptionPolicy: z.literal('PreemptLowerPriority'),
    priority: z.literal(0),
    tolerations: z.array(z.unknown()),
  }),
});

export type Pod = z.output<typeof pod>;
export type Probe = z.output<typeof probe>;
export type Volume = z.output<typeof volume>;

/** @throws {Error} that names every field which is not known, or has a value that is not */
export function readPod(object: unknown): Pod {
  const { success, data, error } = pod.safeParse(object);
  if (success) return data;
  throw new Error(`this Pod cannot be run as it says (pod-spec.ts has what can):\n${z.prettifyError(error)}`);
}
