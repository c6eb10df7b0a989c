import { relative } from 'node:path';
import { embeddedModel } from '../node/engine/embedding-request.js';
import { bankPolicyPath } from './sample/bank-policy.js';
import type { RunFile } from './run-file.js';

/** What a person reads when the stack is up: how to use it, what to try, how to stop it. */
export function farewell(run: RunFile, home: string): string {
  const policy = relative(process.cwd(), bankPolicyPath);
  const curl = (input: string): string =>
    `curl -sS ${run.api}/v1/embeddings -H 'authorization: Bearer ${run.key}' -H 'content-type: application/json' -d '${JSON.stringify({ model: embeddedModel, input })}'`;
  return `
Mizan is up.

  API   ${run.api}/v1
  key   ${run.key}
  all   ${relative(process.cwd(), home)}/run.json (every address and secret of this stack; readable by you only)

First request (the answer's header x-mizan-record names its record):

  ${curl('The scales do not lie.')}

With OpenAI's own client (npm install openai):

  import OpenAI from 'openai';
  const client = new OpenAI({ baseURL: '${run.api}/v1', apiKey: '${run.key}' });
  const answer = await client.embeddings.create({ model: '${embeddedModel}', input: 'The scales do not lie.' });
  console.log(answer.data[0].embedding.length, answer.usage);

Three things to try:

  1. Send an IBAN and see where it may not go: add -i to this and look the record up with
     curl -sS ${run.api}/v1/records/RECORD -H 'authorization: Bearer ${run.key}'

     ${curl('Please pay DE89 3704 0044 0532 0130 00 by Friday.')}

  2. Change one line of the policy in ${policy} (say, "EU" to "US"), stop with Ctrl-C, and run npm start again:
     the table shows where the mail went instead.

  3. Change one byte of the log, as the database's administrator could, and see the verifier name it:

     node apps/standalone/change-a-byte.mjs
     npx mizan verify

Stop: Ctrl-C.   Start again (state is kept): npm start   Without the job: npm start -- --no-sample   Afresh: npm start -- --reset
`;
}
