import { describe, expect, test } from '@jest/globals';
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { RuntimeSchema } from '@isthmus/proto/envoy';
import { runtimeLayer } from './runtime-layer.ts';

describe('a layer of the runtime', () => {
  test('has its keys as a Struct, shares as Envoy writes them', () => {
    const { name, bytes } = runtimeLayer('ops', {
      'upstream.healthy_panic_threshold': 0,
      'http.fault': { numerator: 5, denominator: 'HUNDRED' },
      'envoy.reloadable_features.x': false,
    });
    expect(name).toBe('ops');
    expect(toJson(RuntimeSchema, fromBinary(RuntimeSchema, bytes))).toEqual({
      name: 'ops',
      layer: {
        'envoy.reloadable_features.x': false,
        'http.fault': { denominator: 'HUNDRED', numerator: 5 },
        'upstream.healthy_panic_threshold': 0,
      },
    });
  });

  test('is the same in whatever order its keys are written', () => {
    expect(runtimeLayer('ops', { a: 1, b: '2' })).toEqual(runtimeLayer('ops', { b: '2', a: 1 }));
  });
});
