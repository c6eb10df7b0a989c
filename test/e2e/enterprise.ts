import { eventually } from './eventually.js';
import { embed } from './requests.js';
import type { RestApi } from './rest-api.js';
import type { StandaloneStack } from './standalone-stack.js';

/** An organisation of a test's own, as its administrators see it. */
export interface Enterprise {
  readonly tenant: string;
  readonly project: string;
  /** A developer of the project, and the organisation's administrator. */
  readonly developer: RestApi;
  readonly admin: RestApi;
  readonly developerKeyId: string;
  readonly developerKey: string;
}

export interface NewKey {
  readonly id: string;
  readonly secret: string;
}

/** Any machine for anything, beside what the platform itself forbids. */
export const anywhere = '@id("e2e.anywhere") permit (principal, action == Mizan::Action::"run", resource);';

/** Founds an organisation with one project by the REST API; resolves when the gateway knows all of it. */
export async function foundEnterprise(stack: StandaloneStack, name: string, given: { policy?: string; budgetNanos?: bigint }): Promise<Enterprise> {
  const platform = stack.rest(stack.run.adminKey);
  const { id: tenant } = await platform.post<{ id: string }>('/v1/organisations', { name });
  const of = `/v1/organisations/${tenant}`;
  const { id: project } = await platform.post<{ id: string }>(`${of}/projects`, { name: 'Only one', defaultClass: 'internal' });
  const developer = await platform.post<NewKey>(`${of}/keys`, { project, role: 'developer', name: 'developer' });
  const admin = await platform.post<NewKey>(`${of}/keys`, { role: 'org_admin', name: 'administrator' });
  if (given.policy !== undefined) await platform.put(`${of}/policy`, { text: given.policy });
  if (given.budgetNanos !== undefined) await platform.put(`${of}/budgets`, { project, limitNanos: given.budgetNanos.toString() });
  const enterprise = { tenant, project, developer: stack.rest(developer.secret), admin: stack.rest(admin.secret), developerKeyId: developer.id, developerKey: developer.secret };
  await whenKnown(enterprise, given.policy !== undefined);
  return enterprise;
}

/** Asks for what the platform forbids whatever the policy, until the refusal shows that the policy is there: costs nothing. */
async function whenKnown({ developer, admin }: Enterprise, withPolicy: boolean): Promise<void> {
  await eventually('the gateway to know the organisation', async (saw) => {
    const { error } = await embed(developer, 'Is anybody there?', { 'x-mizan-data-class': 'restricted' });
    saw(error);
    if (error?.code !== 'POLICY_DENIED') return undefined;
    return error.policies?.some(({ id }) => id === 'mizan.restricted-attested') === withPolicy ? true : undefined;
  });
  await eventually("the gateway to know the administrator's key", async () => ((await admin.send('GET', '/v1/models')).status === 200 ? true : undefined));
}
