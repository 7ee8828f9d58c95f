import { expect, test } from '@jest/globals';
import { portProtocol } from './port-protocol.ts';

test.each([
  ['http', undefined, 'http'],
  ['http-web', undefined, 'http'],
  ['HTTP2-x', undefined, 'http2'],
  ['grpc-web', undefined, 'grpc-web'],
  ['grpc-web-x', undefined, 'grpc-web'],
  ['grpc-webby', undefined, 'grpc'],
  ['http_proxy-x', undefined, 'http'],
  ['mongo', undefined, 'mongo'],
  ['web', undefined, 'tcp'],
  ['', undefined, 'tcp'],
  ['http', 'grpc', 'grpc'],
  ['web', 'kubernetes.io/h2c', 'http2'],
  ['web', 'kubernetes.io/ws', 'http'],
  ['web', 'kubernetes.io/wss', 'https'],
  ['http', 'example.com/amqp', 'tcp'],
])('a port named "%s" with appProtocol %s speaks %s', (name, appProtocol, protocol) => {
  expect(portProtocol({ name, appProtocol })).toEqual({ protocol });
});

test.each([
  ['http2foo', undefined, { field: 'name', text: 'http2foo' }],
  ['grpcapi', undefined, { field: 'name', text: 'grpcapi' }],
  ['web', 'htttp', { field: 'appProtocol', text: 'htttp' }],
])('a port named "%s" with appProtocol %s is TCP, and was meant to be something else', (name, appProtocol, misunderstood) => {
  expect(portProtocol({ name, appProtocol })).toEqual({ protocol: 'tcp', misunderstood });
});
