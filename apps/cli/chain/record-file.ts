import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { keccak256, toUtf8Bytes } from 'ethers';
import { compilerInput } from '#chain';
import type { BuiltContract } from '#chain';
import { deploymentRecord } from '#protocol';
import type { DeploymentRecord } from '#protocol';
import { replaceFile } from '../durable-file.js';

/** The record at a path, or null if there is none. Error: there is something else. */
export function readRecord(path: string): DeploymentRecord | null {
  if (!existsSync(path)) return null;
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    throw new Error(`${path} is not a deployment record: it is not JSON`);
  }
  const parsed = deploymentRecord.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`${path} is not a deployment record: ${issue!.path.join('.')}: ${issue!.message}`);
}

export async function writeRecord(path: string, record: DeploymentRecord): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  await replaceFile(path, `${JSON.stringify(deploymentRecord.parse(record), null, 2)}\n`);
}

/** Puts the compiler's input beside the record; returns what the record says of it. */
export async function writeInput(path: string, name: BuiltContract): Promise<{ file: string; hash: string }> {
  const { input } = compilerInput(name);
  const file = `${basename(path, extname(path))}.${name}.input.json`;
  mkdirSync(dirname(path), { recursive: true });
  await replaceFile(join(dirname(path), file), input);
  return { file, hash: keccak256(toUtf8Bytes(input)) };
}

/** Moves a record out of the way, under the name of its escrow; returns where it is now. */
export function setAside(path: string, record: DeploymentRecord): string {
  const name = record.contracts['MizanEscrow']?.address ?? 'unfinished';
  const kept = join(dirname(path), `${basename(path, extname(path))}.${name.toLowerCase()}${extname(path)}`);
  renameSync(path, kept);
  return kept;
}
