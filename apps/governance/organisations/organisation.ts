import { randomBytes } from 'node:crypto';
import type { z } from 'zod';
import type { organisation, project } from '#protocol';

export type Organisation = z.output<typeof organisation>;
export type Project = z.output<typeof project>;

/** The organisation that runs the deployment; platform administrators belong to it. */
export const operatorName = 'Operator';

/** 32 random bytes in hexadecimal: stands for a tenant in the public log and says nothing about it. */
export function newPseudonym(random: (size: number) => Uint8Array = randomBytes): string {
  return Buffer.from(random(32)).toString('hex');
}
