import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import { ApiVersion, ClusterSchema, Cluster_DiscoveryType } from '@isthmus/proto/envoy';
import fc from 'fast-check';
import { edsHead } from './discovery.ts';

test('the head of an EDS cluster is what protobuf-es gives for it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 400 }), (name) => {
      const cluster = create(ClusterSchema, {
        name,
        clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
        edsClusterConfig: {
          edsConfig: {
            configSourceSpecifier: { case: 'ads', value: {} },
            resourceApiVersion: ApiVersion.V3,
            initialFetchTimeout: {},
          },
          serviceName: name,
        },
      });
      expect(Buffer.from(edsHead(name))).toEqual(Buffer.from(toBinary(ClusterSchema, cluster)));
    }),
  );
});
