import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { controllers } from '../controllers.js';
import { openApiDocument } from './document.js';

/** Where the committed document is. */
export const openApiFile = resolve('openapi.json');

/** The document as text, as it is committed. */
export const openApiText = (): string => `${JSON.stringify(openApiDocument(controllers), null, 2)}\n`;

/** Writes the document; says whether it was another. */
export function writeOpenApi(): boolean {
  const text = openApiText();
  const changed = readIfThere() !== text;
  if (changed) writeFileSync(openApiFile, text);
  return changed;
}

export function readIfThere(): string | undefined {
  try {
    return readFileSync(openApiFile, 'utf8');
  } catch {
    return undefined;
  }
}
