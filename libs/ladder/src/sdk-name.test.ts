import { expect, test } from '@jest/globals';
import { isSameSdkName } from './sdk-name.ts';

test.each([
  ['nacos/public/DEFAULT_GROUP/orders', 'nacos/public/DEFAULT_GROUP/orders', true],
  ['nacos/public/DEFAULT_GROUP/orders', 'nacos/dev/DEFAULT_GROUP/orders', false],
  ['nacos/public/A/orders', 'nacos/public/B/orders', false],
  ['consul///orders', 'consul/dc1//orders', true],
  ['consul/dc2//orders', 'consul/dc1//orders', false],
  ['consul///orders', 'consul/dc1//order', false],
  ['eureka///ORDERS', 'consul///ORDERS', false],
  ['eureka///ORDERS', 'eureka///ORDERS', true],
  ['nacos///a/b', 'nacos/public//a/b', true],
])('%s is %s: %s', (said, registered, same) => {
  expect(isSameSdkName(said, registered)).toBe(same);
});
