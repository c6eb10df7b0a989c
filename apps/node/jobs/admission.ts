import type { OpenHeader, Refusal } from '#wire';
import type { Engines } from '../engine/engines.js';
import type { Capacity } from './capacity.js';

/** Whether the node takes a job, by what it offers and by what it has room for. Takes the place. */
export function admission(offers: readonly { id: string; model: string }[], engines: Engines, capacity: Capacity): (open: OpenHeader) => Refusal | undefined {
  const modelOf = new Map(offers.map(({ id, model }) => [id, model]));
  const serves = new Map(engines.models.map(({ model, endpoints }) => [model, new Set<string>(endpoints)]));
  return (open) => {
    if (modelOf.get(open.offer) !== open.model) return { code: 'UNKNOWN_OFFER', message: 'this node has no such offer' };
    if (serves.get(open.model)?.has(open.endpoint) !== true) return { code: 'UNKNOWN_OFFER', message: 'no engine here runs that now' };
    return capacity.take() ? undefined : { code: 'BUSY', message: `all ${capacity.places} places are taken` };
  };
}
