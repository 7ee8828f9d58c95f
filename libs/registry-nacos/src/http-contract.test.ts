import { describeRegistryContract } from '@isthmus/registry/testing';
import { fakeHarness, testAbilities } from './testing/fake-harness.ts';

const http = { httpOnly: true, api: 'http' } as const;
const open = { ...testAbilities, auth: false };

describeRegistryContract('Nacos 1 over HTTP with authentication (scripted)', () => fakeHarness(http), testAbilities);
describeRegistryContract('Nacos 1 over HTTP with npm nacos (scripted)', () => fakeHarness({ ...http, abilities: open }), open, {
  manyServices: 600, // more than npm nacos is subscribed to
});
