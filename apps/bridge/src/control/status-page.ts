import { createHash } from 'node:crypto';
import { PAGE_SCRIPT } from './status-page-script.ts';

const STYLE = `
:root { color-scheme: light dark; --ink: #1a2733; --soft: #52606d; --line: #d9e2ec; --paper: #fff; --card: #f4f7fa; --good: #0b7a4b; --warn: #9a5b00; --bad: #b42318; --wait: #2563a8; }
@media (prefers-color-scheme: dark) { :root { --ink: #d9e2ec; --soft: #9fb3c8; --line: #243b53; --paper: #10181f; --card: #172430; --good: #4cc38a; --warn: #f0b429; --bad: #ff8a80; --wait: #7cb7ff; } }
body { font: 14px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 80rem; padding: 1.5rem 1rem 4rem; color: var(--ink); background: var(--paper); }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .3rem 1rem; }
h1 { margin: 0; font-size: 1.6rem; } h2 { margin: 2rem 0 .4rem; font-size: 1.05rem; }
#state { color: var(--soft); } #state.bad { color: var(--bad); font-weight: 600; }
nav { margin-left: auto; } a { color: var(--wait); }
#tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .7rem; margin-top: 1rem; }
.tile { background: var(--card); border-radius: .5rem; padding: .6rem .9rem; border-left: .25rem solid var(--line); }
.tile b { display: block; font-size: 1.5rem; line-height: 1.3; } .tile span { color: var(--soft); }
.tile.good { border-color: var(--good); } .tile.warn { border-color: var(--warn); } .tile.bad { border-color: var(--bad); }
.rows { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem 1rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: break-word; max-width: 28rem; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; } td.number { font-variant-numeric: tabular-nums; }
.badge { display: inline-block; border: 1px solid currentColor; border-radius: .8rem; padding: 0 .55rem; font-size: .85em; margin-right: .4rem; white-space: nowrap; }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); } .wait { color: var(--wait); } .tile { color: var(--ink); }
.none { color: var(--soft); margin: .2rem 0; } code { font-size: .9em; }
input { font: 14px system-ui, sans-serif; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .15rem .5rem; margin-left: .6rem; }
@media (max-width: 40rem) { thead { display: none; } tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); } td { display: flex; border: 0; padding: .1rem 0; max-width: none; overflow-wrap: anywhere; } td:empty { display: none; } td::before { content: attr(data-label); flex: 0 0 7.5rem; color: var(--soft); } td[data-label=""]::before { content: none; } }
`;

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Lets the page's own script and style run and nothing else. */
export const PAGE_CSP = [
  "default-src 'none'",
  `script-src ${hashOf(PAGE_SCRIPT)}`,
  `style-src ${hashOf(STYLE)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** What the bridge sees, live, for people who just open the port. */
export const STATUS_PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Isthmus</title><link rel="icon" href="data:,">
<style>${STYLE}</style></head><body>
<header><h1>Isthmus</h1><span id="state" role="status">loading</span><nav><a href="api/docs">API</a> <a href="metrics">metrics</a></nav></header>
<div id="tiles"></div>
<h2>Registries</h2><div class="rows" id="sources"></div>
<h2>Held removals</h2><div class="rows" id="held"></div>
<h2>Services <input id="filter" type="search" placeholder="part of a host" aria-label="part of a host"></h2><div class="rows" id="services"></div>
<h2>Proxies</h2><div class="rows" id="proxies"></div>
<h2>Problems</h2><div class="rows" id="diagnostics"></div>
<script>${PAGE_SCRIPT}</script></body></html>
`;
