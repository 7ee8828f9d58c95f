import type { ItemList, ShadowView } from '@isthmus/contract';

export const shadow: ItemList<ShadowView> = {
  items: [
    {
      host: 'users.default-group.public.nacos',
      port: 80,
      processes: 12,
      similarity: 0.75,
      windowMs: 20_000,
      divergences: [
        {
          at: '10.1.0.40:8080',
          kind: 'health',
          sdk: 'healthy',
          mesh: 'unhealthy',
          code: 'stale-in-registry',
          explanation: 'the mesh leaves it out: evicted: Pod shop/users-7 is gone; the SDK still calls it',
          forMs: 95_000,
          counts: true,
          processes: 12,
          seenBy: ['web/1-a', 'web/2-b'],
        },
        {
          at: '10.1.0.41:8080',
          kind: 'weight',
          sdk: '1',
          mesh: '5',
          code: 'sdk-behind',
          explanation: 'the registry says 5, the SDK 1',
          forMs: 4_000,
          counts: false,
          processes: 1,
          seenBy: ['web/1-a'],
        },
      ],
    },
  ],
};
