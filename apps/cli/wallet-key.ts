import { readFileSync } from 'node:fs';

export interface KeyOptions {
  /** File with the private key, in hex; or {@link key}. */
  readonly keyFile?: string;
  readonly key?: string;
}

/** As commands are given it: by the option, or by MIZAN_WALLET_KEY. */
export function keyGiven(keyFile: string | undefined): KeyOptions {
  const key = process.env['MIZAN_WALLET_KEY'];
  return { ...(keyFile === undefined ? {} : { keyFile }), ...(key === undefined ? {} : { key }) };
}

/** The private key that sends. Keys are never arguments: those are seen by everybody on the machine. Errors: none given; not 32 bytes of hex. */
export function walletKey({ keyFile, key }: KeyOptions): string {
  const text = keyFile === undefined ? key : readFileSync(keyFile, 'utf8').trim();
  if (text === undefined || text === '') throw new Error('no key is given: use --key-file or MIZAN_WALLET_KEY');
  const hex = text.startsWith('0x') ? text : `0x${text}`;
  if (!/^0x[0-9a-fA-F]{64}$/.test(hex)) throw new Error('the key is not 32 bytes of hex');
  return hex;
}
