import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';

/** What `create` takes, written out: never a message already made, so that it can be spread. */
export type Init<S extends DescMessage> = Exclude<MessageInitShape<S>, MessageShape<S>>;
