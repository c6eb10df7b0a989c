import type { Type } from '@nestjs/common';
import { z } from 'zod';
import { JsonShapes } from './json-shapes.js';
import type { JsonSchema } from './json-shapes.js';
import { factHeaders, replyHeaderRefs, replyHeaders } from './headers.js';
import { routesOf } from './routes.js';
import type { Route } from './routes.js';

export type OpenApiDocument = { openapi: string } & Record<string, unknown>;

/** Every error has this shape. */
const errorBody = z.object({ error: z.looseObject({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string() }) });

/** The OpenAPI 3.1 document of controllers, made from the shapes that validate and encode. */
export function openApiDocument(controllers: readonly Type[]): OpenApiDocument {
  const shapes = new JsonShapes();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routesOf(controllers)) {
    const path = route.path.replace(/:([A-Za-z]+)/g, '{$1}');
    (paths[path] ??= {})[route.method] = operation(route, shapes);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Mizan', version: '1', description: 'One governed, auditable gateway into decentralised AI compute. Amounts are decimal strings: nano-units of a currency, or the smallest units of a token.' },
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'An API key: mzn_...' } },
      headers: replyHeaders,
      responses: { Error: { description: 'An error; those that were recorded name their record', headers: replyHeaderRefs(true), content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } } },
      schemas: { Error: shapes.of(errorBody), ...shapes.shared() },
    },
  };
}

/** With `stream: true`: a `data:` line of JSON for each chunk, `[DONE]` at the end; an event with `error` in place of the end when the answer broke off. */
const eventStream = { 'text/event-stream': { schema: { type: 'string' } } };

function operation(route: Route, shapes: JsonShapes): Record<string, unknown> {
  const { access, reply, streams, body, form, query, params } = route;
  if (!access || !reply) throw new Error(`${route.controller}.${route.handler} declares no ${access ? 'reply' : 'access'}`);
  const isInference = access.kind === 'authorised' && access.action === 'inference.run';
  return {
    operationId: `${route.controller.replace(/Controller$/, '')}.${route.handler}`,
    summary: reply.summary,
    ...(access.kind === 'open' ? { security: [] } : { security: [{ apiKey: [] }], 'x-mizan-action': access.action }),
    parameters: [
      ...[...params].map(([name, schema]) => ({ name, in: 'path', required: true, schema: shapes.of(schema) })),
      ...queryParameters(query, shapes),
      ...(isInference || (access.kind === 'authorised' && access.action === 'batch.run' && route.method === 'post' && body) ? factHeaders : []),
    ],
    ...(body ? { requestBody: { required: !body.safeParse(undefined).success, content: { 'application/json': { schema: shapes.of(body) } } } } : {}),
    ...(form ? { requestBody: { required: true, content: { 'multipart/form-data': { schema: shapes.of(form) } } } } : {}),
    responses: {
      [reply.status]: { description: reply.summary, headers: replyHeaderRefs(isInference), content: { [reply.contentType ?? 'application/json']: { schema: shapes.of(reply.schema) }, ...(streams ? eventStream : {}) } },
      default: { $ref: '#/components/responses/Error' },
    },
  };
}

function queryParameters(query: z.ZodType | undefined, shapes: JsonShapes): unknown[] {
  if (!query) return [];
  const { properties = {}, required = [] } = shapes.of(query) as { properties?: Record<string, JsonSchema>; required?: string[] };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: required.includes(name), schema }));
}
