import { failure } from '#protocol';
import type { Engines } from './engine/engines.js';
import { enrol, signedEnrolment } from './enrolment/enrol.js';
import type { Enrolment } from './enrolment/enrol.js';
import { keepEnrolment, keptEnrolment } from './enrolment/enrolled.js';
import type { NodeKeys } from './keys/node-keys.js';
import { payoutAddress } from './keys/wallet.js';
import type { NodeOptions } from './node-options.js';

/** The node's enrolment: the one kept, or a new one for the token. Errors: REQUEST_INVALID (neither kept nor token), the hub's. */
export async function joinNetwork(options: NodeOptions, keys: NodeKeys, engines: Engines): Promise<Enrolment> {
  const kept = keptEnrolment(options.dir);
  if (kept !== undefined) {
    if (kept.publicUrl !== (options.publicUrl ?? null)) throw failure('REQUEST_INVALID', `this node enrolled with the public URL ${kept.publicUrl ?? '(none)'}; enrol anew in another --dir to change it`);
    return kept;
  }
  const { hub, token, name, region, country, jurisdiction, capacity } = options;
  if (hub === undefined || token === undefined) throw failure('REQUEST_INVALID', 'the first start needs --hub and --token; get a token from the operator of the hub');
  const asks = engines.models.map(({ model, endpoints }) => ({
    model,
    endpoints: [...endpoints],
    capacity,
    inputNanosPerMillion: options.priceInput,
    outputNanosPerMillion: options.priceOutput,
    ...(options.priceMeters && { meters: options.priceMeters }),
  }));
  const description = { name, payoutAddress: payoutAddress(options.dir, options.payoutAddress), facts: { region, country, jurisdiction }, asks, ...(options.publicUrl === undefined ? {} : { publicUrl: options.publicUrl }) };
  const enrolment = await enrol(hub, signedEnrolment(token, keys, description));
  keepEnrolment(options.dir, enrolment);
  return enrolment;
}
