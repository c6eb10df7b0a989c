/**
 * Changes one byte of one entry of the local stack's audit log, as its database's administrator could, so that
 * `mizan verify` can be seen to name it. Run it again with the same index to change the byte back.
 * Usage: node apps/standalone/change-a-byte.mjs [INDEX]
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';

const home = process.env.MIZAN_HOME ? pathToFileURL(`${resolve(process.env.MIZAN_HOME)}/`) : new URL('../../.mizan/', import.meta.url);
const run = JSON.parse(readFileSync(new URL('run.json', home), 'utf8'));
const client = new pg.Client({ connectionString: run.databaseUrl });
await client.connect();
try {
  const { rows: found } = await client.query(
    process.argv[2] === undefined
      ? { text: 'SELECT index FROM governance.log_entries ORDER BY index DESC LIMIT 1 OFFSET 3' }
      : { text: 'SELECT index FROM governance.log_entries WHERE index = $1', values: [process.argv[2]] },
  );
  const index = found[0]?.index;
  if (index === undefined) throw new Error('there is no such entry');
  const { rows: [piece] } = await client.query('SELECT first, entries FROM governance.log_bundles WHERE first <= $1 ORDER BY first DESC LIMIT 1', [index]);
  let start = 0;
  for (let skipped = Number(piece.first); skipped < Number(index); skipped += 1) start += 2 + piece.entries.readUInt16BE(start);
  const at = start + 2 + Math.floor(piece.entries.readUInt16BE(start) / 2);
  await client.query('UPDATE governance.log_bundles SET entries = set_byte(entries, $2, get_byte(entries, $2) # 1) WHERE first = $1', [piece.first, at]);
  console.log(`Changed one bit in the middle of entry ${index}. Now run: npx mizan verify`);
  console.log(`Change it back with: node apps/standalone/change-a-byte.mjs ${index}`);
} finally {
  await client.end();
}
