import { rankOf } from '@isthmus/ladder';
import type { Decider } from '../decider.ts';
import type { SidecarWatch } from '../sidecar-watch.ts';
import type { SdkViews } from '../views/sdk-views.ts';
import type { ReportedTarget } from './report-book.ts';

/** The targets of the plan in force as the control plane is told of them. */
export function* reportedTargets(
  decider: Pick<Decider, 'targets' | 'target'>,
  watch: Pick<SidecarWatch, 'whyNot'>,
  views: Pick<SdkViews, 'report'>,
): Generator<ReportedTarget> {
  for (const { authority, counts } of decider.targets) {
    const place = decider.target(authority);
    if (place === undefined) continue;
    const { desired, effective: rung, percent } = place;
    const colon = authority.lastIndexOf(':');
    const view = views.report(authority.slice(0, colon), Number(authority.slice(colon + 1)));
    const isLower = rankOf(rung) < rankOf(desired);
    const why = isLower ? (watch.whyNot(authority) ?? `this agent cannot do ${desired} yet`) : undefined;
    yield {
      authority,
      effective: { rung, percent },
      counts,
      ...(why === undefined ? {} : { why }),
      ...(view === undefined ? {} : { view }),
    };
  }
}
