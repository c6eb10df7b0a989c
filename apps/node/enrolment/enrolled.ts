import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { enrolmentReply, failure } from '#protocol';
import { syncDirectory, writeDurably } from '../keys/key-file.js';
import type { Enrolment } from './enrol.js';

const pathIn = (directory: string): string => join(directory, 'enrolment.json');

/** The enrolment kept in the node's directory, if there is one. Error: REQUEST_INVALID for a damaged file. */
export function keptEnrolment(directory: string): Enrolment | undefined {
  const path = pathIn(directory);
  if (!existsSync(path)) return undefined;
  try {
    return enrolmentReply.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw failure('REQUEST_INVALID', `${path} is damaged; remove it and enrol with a new token`, {}, error);
  }
}

/** Kept durably: the token that gave it is spent. */
export function keepEnrolment(directory: string, enrolment: Enrolment): void {
  const path = pathIn(directory);
  const draft = `${path}.${process.pid}`;
  writeDurably(draft, `${JSON.stringify(enrolment, null, 2)}\n`);
  renameSync(draft, path);
  syncDirectory(directory);
}
