import { aliasReplica, exposureReplica, keyReplica, limitReplica, offerReplica, policyReplica, priceReplica, tenantReplica } from '#protocol';
import type { AliasEntry, ExposureEntry, KeyEntry, LimitEntry, OfferEntry, PolicyEntry, PriceEntry, TenantEntry } from '#protocol';
import type { ReplicaView, Replicas } from '#messaging';

/** The part of a replica's view that the steps need. */
export type View<T> = Pick<ReplicaView<T>, 'get' | 'entries' | 'onChange' | 'revision'>;

/** All that a gateway knows of the world: local copies, decided upon with no round trip. */
export class Replicated {
  constructor(
    readonly keys: View<KeyEntry>,
    readonly tenants: View<TenantEntry>,
    readonly policies: View<PolicyEntry>,
    readonly offers: View<OfferEntry>,
    readonly prices: View<PriceEntry>,
    readonly limits: View<LimitEntry>,
    readonly aliases: View<AliasEntry>,
    readonly exposures: View<ExposureEntry>,
  ) {}

  /** Resolves when every copy is complete. */
  static async load(replicas: Replicas): Promise<Replicated> {
    const [keys, tenants, policies, offers, prices, limits, aliases, exposures] = await Promise.all([
      replicas.view(keyReplica),
      replicas.view(tenantReplica),
      replicas.view(policyReplica),
      replicas.view(offerReplica),
      replicas.view(priceReplica),
      replicas.view(limitReplica),
      replicas.view(aliasReplica),
      replicas.view(exposureReplica),
    ]);
    return new Replicated(keys, tenants, policies, offers, prices, limits, aliases, exposures);
  }
}
