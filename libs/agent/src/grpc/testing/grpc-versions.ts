import * as grpc114 from '@grpc/grpc-js';
import grpc112 from 'grpc-js-1.12';
import grpc113 from 'grpc-js-1.13';
import grpc18 from 'grpc-js-1.8';

export type Grpc = typeof grpc114;

/** What the agent says that it works with. */
export const VERSIONS: Readonly<Record<string, Grpc>> = {
  '1.8': grpc18 as unknown as Grpc,
  '1.12': grpc112 as unknown as Grpc,
  '1.13': grpc113 as unknown as Grpc,
  '1.14': grpc114,
};
