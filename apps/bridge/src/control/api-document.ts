import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { OpenAPIObject } from '@nestjs/swagger';
import { API_SCHEMAS } from './api-schemas.ts';

const DESCRIPTION = `What the bridge knows, for the CLI, consoles and scripts.

Reads on loopback need no token; beyond it, everything does. Writes always need \`Authorization: Bearer TOKEN\`: the admin token lies
beside the ledger (\`.isthmus/admin.token\`). Answers that are no success are \`Problem\`s and say what to do. Fields may be added within v1;
none goes or changes its meaning.`;

/** The control API, served at \`/api/openapi.json\` and \`/api/docs\`; docs/openapi.json is kept equal to it by a test. */
export function apiDocument(app: INestApplication): OpenAPIObject {
  const about = new DocumentBuilder()
    .setTitle('Isthmus control API')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .addBearerAuth()
    .addTag('catalog', 'What the registries say and what became of it')
    .addTag('publications', 'The way back: what is published into registries')
    .addTag('liveness', 'Who lives: registries against Kubernetes, and what registries were told')
    .addTag('plans', 'Migration plans: where they are, and steering them')
    .addTag('agents', 'The agents in the processes of services')
    .addTag('proxies', 'Who takes it')
    .build();
  const document = SwaggerModule.createDocument(app, about, { operationIdFactory: (_, method) => method });
  return { ...document, components: { ...document.components, schemas: { ...API_SCHEMAS } } };
}
