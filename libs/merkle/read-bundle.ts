import { canonicalJson } from '../kernel/canonical-json.js';
import type { Json } from '../kernel/canonical-json.js';
import { bundleShape } from './bundle-shape.js';
import type { Bundle } from './bundle.js';
import { Malformed } from './malformed.js';
import { plainBundle } from './plain-bundle.js';
import type { ReadBundle } from './plain-bundle.js';

/** A policy text of 512 KiB, offers of 384 KiB, and the rest: more is no bundle. */
const charsMax = 4 * 1024 * 1024;

/** Inverse of {@link formatBundle}; strict. Error: `Malformed`, naming the member that is not what it must be. */
export const parseBundle = (text: string): Bundle => readBundle(text).bundle;

/** The same, with what the verifier needs of the text. */
export function readBundle(text: string): ReadBundle {
  if (text.length > charsMax) throw new Malformed(`a bundle has at most ${charsMax} characters`);
  return plainBundle(text) ?? { bundle: anyBundle(text), fieldTexts: [] };
}

/** Any bundle, and the one that says what is wrong. Error: `Malformed`. */
export function anyBundle(text: string): Bundle {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    throw new Malformed('the file is not JSON');
  }
  bundleShape(value, 'the file');
  if (`${canonicalJson(value)}\n` !== text) throw new Malformed('the file is not written in the one form of a bundle (RFC 8785 and a newline)');
  return value as unknown as Bundle;
}
