import { describe, expect, test } from '@jest/globals';
import { fewFrames } from './few-frames.ts';
import { SharedResponses } from './shared-responses.ts';
import { settled } from './testing/settled.ts';
import { resource } from './testing/wire.ts';
import { EDS } from './type-urls.ts';

const both = ['sotw', 'delta'] as const;

test.each(both)('a change is one response for all streams that hear of it (%s)', (transport) => {
  const one = settled(transport);
  const two = settled(transport, one);
  const others = [settled(transport, one), settled(transport, one)];
  one.commit([EDS, 'a', '2']);
  const last = [one, two, ...others].map(({ responses }) => responses.at(-1)!);
  expect(last.map(({ names }) => names)).toEqual(['a', 'a', 'a', 'a']);
  expect(new Set(last.map(({ nonce }) => nonce)).size).toBe(1);
  for (const wire of [one, two]) wire.ack(EDS, ['a', 'b']);
  expect([one, two, others[0]!].map(({ stream }) => stream.status()!.types[1]!.unansweredSince === undefined)).toEqual([
    true,
    true,
    false,
  ]);
});

describe('what is shared', () => {
  const frames = fewFrames([resource('a', '1', 20_000)], 'delta', EDS);

  test('is one piece on the wire, made once, from the second client on', () => {
    const responses = new SharedResponses('s');
    const sent = Array.from({ length: 4 }, () => responses.of('delta', EDS, '1', frames, 0));
    expect(new Set(sent.map(({ nonce }) => nonce)).size).toBe(1);
    // The first one's large part is the frame itself; who follows shares a copy.
    expect(sent[0]!.message.chunks[1]).toBe(frames[0]);
    expect(sent[1]!.message.chunks).toHaveLength(1);
    expect(sent[3]!.message.chunks[0]).toBe(sent[1]!.message.chunks[0]);
    expect(sent[1]!.message.chunks[0]).toEqual(Buffer.concat(sent[0]!.message.chunks));
  });

  test('is never copied when it is large', () => {
    const large = fewFrames([resource('a', '1', 200_000)], 'sotw', EDS);
    const responses = new SharedResponses('s');
    for (const { message } of [1, 2, 3].map(() => responses.of('sotw', EDS, '1', large, 0)))
      expect(message.chunks[1]).toBe(large[0]);
  });

  test('is another one for a stream that was sent a later one, and where version or type differ', () => {
    const responses = new SharedResponses('s');
    const first = responses.of('delta', EDS, '1', frames, 0);
    const next = responses.of('delta', EDS, '1', frames, first.serial);
    expect(next.serial).toBeGreaterThan(first.serial);
    const version = responses.of('delta', EDS, '2', frames, 0);
    const type = responses.of('delta', 'other', '2', frames, 0);
    expect(new Set([first, next, version, type].map(({ nonce }) => nonce)).size).toBe(4);
  });

  test('is known by its nonce; those of an earlier process are not', () => {
    const responses = new SharedResponses('s');
    const { nonce, serial } = responses.of('delta', EDS, '1', frames, 0);
    expect(responses.serialOf(nonce)).toBe(serial);
    expect(['', 's', 's-', 's--1', 't-1', 'guess'].map((each) => responses.serialOf(each))).toEqual(Array(6).fill(undefined));
  });
});

test('changes that come together are one list of frames for everyone, in the same order', () => {
  const [a, b] = [resource('a', '1'), resource('b', '1')];
  expect(fewFrames([a, b], 'delta', EDS)).toBe(fewFrames([a, b], 'delta', EDS));
  expect(fewFrames([a, b], 'sotw', EDS)).not.toBe(fewFrames([a, b], 'delta', EDS));
  expect(fewFrames([a], 'delta', EDS)).toHaveLength(1);
  expect(fewFrames([b, a], 'delta', EDS)).not.toEqual(fewFrames([a, b], 'delta', EDS));
});
