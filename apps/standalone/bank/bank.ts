import type { Home } from '#local';
import { AdminApi } from '../admin-api.js';
import { bankPolicy } from '../sample/bank-policy.js';

/** The enterprise of the sample. */
export interface Bank {
  tenant: string;
  name: string;
  project: string;
  /** A developer's key of the project: what applications use. */
  key: string;
  /** The bank's own administrator. */
  orgAdminKey: string;
}

const name = 'Rhein Bank';
/** One dollar, far more than the sample spends. */
export const budgetNanos = 1_000_000_000n;
const file = 'bank.json';

/** Makes the bank with its project, keys, policy, budget and payer by the REST API, once; the policy follows the checkout's file. */
export async function ensureBank(home: Home, api: AdminApi, payer: string): Promise<Bank> {
  const bank = home.readJson<Bank>(file) ?? (await createBank(home, api, payer));
  const policy = await api.get<{ text: string }>(`/v1/organisations/${bank.tenant}/policy`);
  if (policy.text !== bankPolicy()) await api.put(`/v1/organisations/${bank.tenant}/policy`, { text: bankPolicy() });
  return bank;
}

async function createBank(home: Home, api: AdminApi, payer: string): Promise<Bank> {
  const { id: tenant } = await api.post<{ id: string }>('/v1/organisations', { name });
  const of = `/v1/organisations/${tenant}`;
  const { id: project } = await api.post<{ id: string }>(`${of}/projects`, { name: 'Mail triage', defaultClass: 'internal' });
  const key = (role: string, label: string, project: string | null): Promise<{ secret: string }> => api.post(`${of}/keys`, { project, role, name: label, expiresAtMs: null });
  const [developer, admin] = [await key('developer', 'mail triage', project), await key('org_admin', 'administrator', null)];
  await api.put(`${of}/policy`, { text: bankPolicy() });
  await api.put(`${of}/budgets`, { project, limitNanos: budgetNanos.toString() });
  await api.put(`${of}/payer`, { address: payer });
  const bank: Bank = { tenant, name, project, key: developer.secret, orgAdminKey: admin.secret };
  home.writeJson(bank, file);
  return bank;
}
