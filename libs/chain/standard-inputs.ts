import { brotliDecompressSync } from 'node:zlib';
import { compilerVersion, packedInputs } from './standard-input.js';
import type { BuiltContract } from './verify-code.js';

/** The compiler's whole standard JSON input for a contract, and the version that takes it: what explorers ask for to verify a build. */
export interface CompilerInput {
  readonly version: string;
  /** `{language, sources, settings}` as JSON text, byte for byte what was compiled. */
  readonly input: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

export function compilerInput(name: BuiltContract): CompilerInput {
  const input = brotliDecompressSync(Buffer.from(packedInputs[name === 'MizanBonds' ? 'bonds' : 'escrow'], 'base64')).toString();
  const { settings } = JSON.parse(input) as { settings: Record<string, unknown> };
  return { version: compilerVersion, input, settings };
}
