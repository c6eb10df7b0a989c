import { describe, expect, it } from '@jest/globals';
import { controllers } from '../controllers.js';
import { openApiDocument } from './document.js';
import { routesOf } from './routes.js';
import { openApiText, readIfThere, writeOpenApi } from './write.js';

describe('the OpenAPI document', () => {
  it('is committed as the code makes it; run with UPDATE_OPENAPI=1 to write it anew', () => {
    if (process.env['UPDATE_OPENAPI']) writeOpenApi();
    expect(readIfThere() === openApiText() || 'openapi.json is stale: UPDATE_OPENAPI=1 npm run jest -- apps/gateway/openapi').toBe(true);
  });

  it('gives every endpoint a declared access, an answer and a schema for each path parameter', () => {
    for (const route of routesOf(controllers)) {
      expect({ route: route.handler, access: route.access !== undefined, reply: route.reply !== undefined }).toEqual({ route: route.handler, access: true, reply: true });
      const inPath = [...route.path.matchAll(/:([a-z]+)/gi)].map((match) => match[1]);
      expect(new Set(route.params.keys())).toEqual(new Set(inPath));
    }
  });

  it("leaves ten endpoints open: enrolment by token, what a payee's own signature shows and says, how payments are taken, the public log and this document", () => {
    const open = routesOf(controllers).filter(({ access }) => access?.kind === 'open');
    expect(open.map(({ path }) => path).sort()).toEqual(['/log/checkpoint', '/log/keys', '/log/tile/:path', '/openapi.json', '/v1/nodes/enrol', '/v1/payees/:payee/disputes', '/v1/payees/:payee/exposure', '/v1/payees/:payee/handed-statements', '/v1/payees/:payee/registration', '/v1/payees/:payee/registration/challenge', '/v1/x402/supported']);
  });

  it('resolves every reference within itself', () => {
    const document = openApiDocument(controllers);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!);
    expect(references.length).toBeGreaterThan(10);
    const resolve = (reference: string): unknown => reference.slice(2).split('/').reduce((value: unknown, member) => (value as Record<string, unknown> | undefined)?.[member], document);
    for (const reference of references) expect({ reference, found: resolve(reference) !== undefined }).toEqual({ reference, found: true });
  });
});
