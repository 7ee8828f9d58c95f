import { expect, test } from '@jest/globals';
import type { ViewModel } from './live-view.ts';
import { Screen } from './screen.ts';

const nothing = { perSecond: 0, errors: 0, errorsSinceStart: 0, lastError: undefined, services: new Map(), pending: new Map() };
const model: ViewModel = {
  seconds: 1,
  console: 'c',
  parts: [],
  sources: [],
  traffic: { sdk: nothing, mesh: nothing },
  notes: [],
  tries: [],
};

function screen(isTTY: boolean) {
  const written: string[] = [];
  let now = 0;
  const out = { isTTY, columns: 80, write: (text: string) => written.push(text) };
  return { written, pass: (ms: number) => (now += ms), screen: new Screen(out, () => now) };
}

test('on a terminal the view is drawn over itself', () => {
  const { screen: terminal, written } = screen(true);
  terminal.draw(model);
  terminal.draw(model);
  const lines = (written[0] ?? '').split('\n').length - 1;
  expect(written[1]).toBe(`\u001B[${lines}A\u001B[0J${written[0]}`);
});

test('a line that is printed stays, and the view goes on below it', () => {
  const { screen: terminal, written } = screen(true);
  terminal.draw(model);
  terminal.print('stopping …');
  terminal.draw(model);
  expect(written[1]?.endsWith('A\u001B[0Jstopping …\n')).toBe(true);
  expect(written[2]).toBe(written[0]);
});

test('anywhere else there is a line every five seconds', () => {
  const { screen: log, written, pass } = screen(false);
  for (let second = 0; second <= 10; second += 1) {
    log.draw(model);
    pass(1_000);
  }
  expect(written).toHaveLength(3);
  expect(written.every((text) => !text.includes('\u001B') && text.endsWith('\n'))).toBe(true);
});

test('anywhere else the console and what to try are said once, when everything is there to be tried', () => {
  const { screen: log, written, pass } = screen(false);
  log.draw(model);
  const ready = {
    ...model,
    console: 'http://127.0.0.1:15080',
    tries: [{ command: 'npx isthmus get services', why: 'the mesh' }],
  };
  for (let line = 0; line < 3; line += 1) {
    pass(5_000);
    log.draw(ready);
  }
  const said = written.filter((text) => text.includes('npx isthmus get services    # the mesh'));
  expect(said).toEqual([expect.stringContaining('console http://127.0.0.1:15080\n')]);
});
