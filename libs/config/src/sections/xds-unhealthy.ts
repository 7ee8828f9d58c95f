import { z } from 'zod';

/** `outputs.xds.unhealthy` */
export const unhealthyField = z
  .enum(['leaveOut', 'send'])
  .default('leaveOut')
  .describe(
    'What Envoys hear of instances that a registry or a check calls unhealthy: nothing, or that they are (EDS health status), which gives them no calls either, but counts when a zone spills over. A change counts at once.',
  );

export type UnhealthyConfig = z.output<typeof unhealthyField>;
