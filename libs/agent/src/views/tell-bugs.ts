import type { Diagnostics } from '../diagnostics.ts';
import type { SdkViews } from './sdk-views.ts';

/** Bugs of client libraries, to the application's log too: its owner can upgrade the client. @returns ends it */
export function tellBugs(views: SdkViews, diagnostics: Diagnostics): () => void {
  return views.listen({
    bug: (sdkName, code, message) =>
      diagnostics.report({
        code: 'client-bug',
        where: sdkName,
        message: `${code}: ${message}`,
        remedy: 'docs/agent-registries.md says what of it the agent mends, and what is to be changed',
      }),
  });
}
