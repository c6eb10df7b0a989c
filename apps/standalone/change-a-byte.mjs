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
  await client.query('UPDATE governance.log_entries SET envelope = set_byte(envelope, length(envelope) / 2, get_byte(envelope, length(envelope) / 2) # 1) WHERE index = $1', [index]);
  console.log(`Changed one bit in the middle of entry ${index}. Now run: npx mizan verify`);
  console.log(`Change it back with: node apps/standalone/change-a-byte.mjs ${index}`);
} finally {
  await client.end();
}
