import { writePrivate } from '#local';
import type { Home } from '#local';
import type { AdminApi } from '../admin-api.js';

/** Where the gateway looks for the key under which it sells single requests. */
export const salesKeyFile = (home: Home): string => home.path('x402-key');

const name = 'Mizan operator';
/** What is sold by the request, it buys from the machines: a dollar's worth at most. */
const budgetNanos = 1_000_000_000n;
/** Who pays without an account says nothing of its data: nothing that is more than internal is taken. */
const policy = `@id("operator.sold-by-the-request")
@reason("What somebody without an account sends runs on any machine, as long as the scanner finds no person in it.")
permit (principal, action == Mizan::Action::"run", resource)
unless { context.personalData };
`;

/** The operator's own organisation, which sells requests to callers without an account; made once. */
export async function ensureOperator(home: Home, api: AdminApi, payer: string): Promise<void> {
  if (home.readJson('operator.json') !== undefined) return;
  const { id: tenant } = await api.post<{ id: string }>('/v1/organisations', { name });
  const of = `/v1/organisations/${tenant}`;
  const { id: project } = await api.post<{ id: string }>(`${of}/projects`, { name: 'Sold by the request', defaultClass: 'internal' });
  const { secret } = await api.post<{ secret: string }>(`${of}/keys`, { project, role: 'developer', name: 'sales', expiresAtMs: null });
  await api.put(`${of}/policy`, { text: policy });
  await api.put(`${of}/budgets`, { project, limitNanos: budgetNanos.toString() });
  await api.put(`${of}/payer`, { address: payer });
  writePrivate(salesKeyFile(home), `${secret}\n`);
  home.writeJson({ tenant, project }, 'operator.json');
}
