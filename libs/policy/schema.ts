import { contextAttributes, offerAttributes, principalAttributes } from './attributes.js';
import type { Attributes } from './attributes.js';

export const applicationType = 'Mizan::Application';
export const offerType = 'Mizan::Offer';
export const runAction = { type: 'Mizan::Action', id: 'run' } as const;

/** The Cedar schema against which every policy and every request is checked; made from the attribute tables. */
export const cedarSchema = `namespace Mizan {
  entity Application ${record(principalAttributes)};
  entity Offer ${record(offerAttributes)};
  action run appliesTo {
    principal: Application,
    resource: Offer,
    context: ${record(contextAttributes)}
  };
}
`;

function record(attributes: Attributes): string {
  const members = Object.entries(attributes).map(([name, { type, optional }]) => `${name}${optional ? '?' : ''}: ${type}`);
  return `{ ${members.join(', ')} }`;
}
