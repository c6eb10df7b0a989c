import type { Endpoint, OfferEntry } from '#protocol';
import type { Node } from '../nodes/node.js';

/** One model on one node. `withdrawn` is final: its node was revoked. */
export interface Offer {
  readonly id: string;
  readonly node: string;
  readonly model: string;
  readonly endpoints: Endpoint[];
  readonly capacity: number;
  readonly state: 'up' | 'down' | 'withdrawn';
  readonly changedAtMs: number;
}

/** Nodes that speak this project's own protocol. */
const network = 'mizan';

/** What gateways and policies see of an offer. */
export function offerToWire(offer: Offer, node: Node): OfferEntry {
  const { region, country, jurisdiction } = node.facts;
  return {
    id: offer.id,
    node: node.id,
    nodeName: node.name,
    network,
    model: offer.model,
    endpoints: offer.endpoints,
    region,
    country,
    jurisdiction,
    evidence: node.evidence,
    isolation: 'none',
    publicKey: node.publicKey,
    capacity: offer.capacity,
    state: offer.state === 'up' ? 'up' : 'down',
    changedAtMs: offer.changedAtMs,
    publicUrl: node.publicUrl,
  };
}
