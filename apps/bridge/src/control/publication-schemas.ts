import type { PublicationChangeView, PublicationDiff, PublicationList, PublicationView, SinkView } from '@isthmus/contract';
import { fields, integer, oneOf, optional, refs, text, textMap, texts } from './api-schema.ts';
import type { Schema } from './api-schema.ts';

const place = {
  to: text("The registry's name in the config"),
  namespace: text("Nacos namespace; empty: the registry's first, or it has none"),
  group: text('Nacos group; empty: DEFAULT_GROUP, or it has none'),
  name: text('Name in the registry'),
};

/** Schemas of the way back. */
export const PUBLICATION_SCHEMAS: Readonly<Record<string, Schema>> = {
  PublicationList: fields<PublicationList>('What is published into registries.', {
    items: refs('PublicationView', 'Sorted by registry and name'),
    sinks: refs('SinkView', 'The registries that are published into'),
  }),
  PublicationView: fields<PublicationView>('One name in one registry.', {
    ...place,
    host: text('Mesh host that it stands for'),
    state: oneOf(
      ['pending', 'published', 'waiting', 'failed'],
      'pending: not written yet; waiting: wanted no more, kept until its sources have been read; failed: the registry refuses it',
    ),
    entries: texts('Entries of ours, address:port'),
    taken: texts('Entries that are left alone, because somebody else registered them'),
    losers: texts('Other hosts that would have the same name there'),
    cause: optional(text('Why it failed')),
  }),
  SinkView: fields<SinkView>('One registry that is published into.', {
    to: text("The registry's name in the config"),
    state: oneOf(['idle', 'standby', 'connecting', 'live', 'failing'], 'standby: another replica writes'),
    since: optional(integer('When it began to fail, ms since the epoch')),
    cause: optional(text('Why it fails')),
    registered: integer('Entries written or changed since the bridge started'),
    renewed: integer('Leases renewed'),
    withdrawn: integer('Entries taken away'),
    failed: integer('Writes that were refused'),
  }),
  PublicationDiff: fields<PublicationDiff>('What would be written now.', {
    items: refs('PublicationChangeView', 'Sorted by registry and name; empty when all is as it shall be'),
    failed: {
      type: 'array',
      description: 'Registries that could not be asked',
      items: fields<PublicationDiff['failed'][number]>('One registry.', {
        to: text("The registry's name in the config"),
        cause: text('Why'),
      }),
    },
  }),
  PublicationChangeView: fields<PublicationChangeView>('One entry that would be touched, or is left alone on purpose.', {
    ...place,
    action: oneOf(
      ['register', 'change', 'deregister', 'leave', 'wait'],
      'leave: it is not ours; wait: it may go when its source has been read',
    ),
    address: text('IP or DNS name'),
    port: integer('The port that callers dial'),
    why: text('The reason'),
    weight: optional({ type: 'number', description: '1 is normal' }),
    metadata: optional(textMap('What is written, the marks included')),
  }),
};
