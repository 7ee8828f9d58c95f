import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Acknowledgements } from './acknowledgements.ts';

describe('acknowledgements', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const open = () => {
    const sent: string[] = [];
    return { sent, acks: new Acknowledgements((_, requestId) => sent.push(requestId)) };
  };

  test('go out together when the server has stopped pushing', () => {
    const { sent, acks } = open();
    acks.add('NotifySubscriberRequest', '1');
    jest.advanceTimersByTime(40);
    acks.add('NotifySubscriberRequest', '2');
    jest.advanceTimersByTime(49);
    expect(sent).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(sent).toEqual(['1', '2']);
  });

  test('wait no longer than 2 s while pushes go on', () => {
    const { sent, acks } = open();
    for (let n = 0; n < 60; n += 1) {
      acks.add('NotifySubscriberRequest', String(n));
      jest.advanceTimersByTime(40);
    }
    expect(sent.length).toBeGreaterThan(40);
  });

  test('of a last request are sent at once, with those that wait', () => {
    const { sent, acks } = open();
    acks.add('NotifySubscriberRequest', '1');
    acks.addLast('ConnectResetRequest', '2');
    expect(sent).toEqual(['1', '2']);
    jest.advanceTimersByTime(3_000);
    expect(sent).toEqual(['1', '2']);
  });

  test('of thousands of pushes go out over several turns of the event loop', () => {
    const { sent, acks } = open();
    for (let n = 0; n < 1_000; n += 1) acks.add('NotifySubscriberRequest', String(n));
    jest.advanceTimersToNextTimer();
    expect(sent.length).toBeGreaterThan(0);
    expect(sent.length).toBeLessThan(1_000);
    jest.advanceTimersByTime(100);
    expect(sent).toEqual(Array.from({ length: 1_000 }, (_, n) => String(n)));
  });

  test('are not sent after the connection was closed', () => {
    const { sent, acks } = open();
    acks.add('NotifySubscriberRequest', '1');
    acks.close();
    jest.advanceTimersByTime(3_000);
    expect(sent).toEqual([]);
  });
});
