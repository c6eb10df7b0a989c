/** `npm start`: sets the checkout up, then runs the stand-alone stack in this process. */
import { root, setUp, SetupError } from './setup.mjs';

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  console.log(`npm start -- [options]

  --no-sample   bring the stack up without running the sample job
  --reset       throw away the data under .mizan/ and start afresh

Environment: MIZAN_PORT (the API's port), MIZAN_ENGINE_URL (an OpenAI-compatible engine for the nodes),
MIZAN_DATABASE_URL, MIZAN_NATS_URL (with MIZAN_NATS_CREDS), MIZAN_NATS_SERVER, MIZAN_RPC_URL (parts that run already).`);
  process.exit(0);
}

try {
  await setUp();
} catch (error) {
  console.error(`mizan: ${error instanceof SetupError ? error.message : (error?.stack ?? error)}`);
  process.exit(1);
}
process.chdir(root);
await import('../../dist/apps/standalone/main.js');
