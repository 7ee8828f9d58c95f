import { describeStoreContract } from '@isthmus/ledger/testing';
import { startKubernetes } from '@isthmus/servers';
import { kubernetesSchema } from './config.ts';
import { KubernetesLedgerStore } from './ledger-store.ts';

/** The rights that docs/replicas.md gives, and no others. */
const RULES = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'list', 'watch', 'create', 'update'] },
  { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'create', 'delete'] },
];

describeStoreContract('Kubernetes', async () => {
  const server = await startKubernetes({ users: { bridge: [] } });
  await server.grant('bridge', RULES);
  await server.must({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name: 'isthmus' } } });
  const right = await server.kubeconfigFor('bridge');
  const wrong = await server.kubeconfigFor({ token: 'wrong' });
  return {
    open: ({ password } = {}) => {
      const config = kubernetesSchema.parse({
        name: 'k8s',
        kind: 'kubernetes',
        kubeconfig: password === 'wrong' ? wrong : right,
      });
      return new KubernetesLedgerStore(config, { name: 'isthmus-shop', namespace: 'isthmus' }, '/');
    },
    hang: async () => server.pause(),
    resume: async () => server.resume(),
    canList: true,
    hasPasswords: true,
    close: () => server.stop(),
  };
});
