import { eurekaContents, nacos2Contents } from './emptying.ts';
import type { LentKind } from './lender.ts';

/** What `borrow…` gives. How it is started is loaded when somebody asks: most runs are of one file. */
export const LENT_KINDS = {
  nacos2: { start: async () => (await import('../nacos.ts')).startNacos2(), contents: nacos2Contents },
  eureka: { start: async () => (await import('../eureka.ts')).startEureka(), contents: eurekaContents },
} satisfies Readonly<Record<string, LentKind>>;
