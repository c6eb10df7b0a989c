import { issueDeploymentSecrets } from './deployment-secrets.js';

/** `issue-secrets.js DIRECTORY`: makes the secrets of a deployment, or leaves them as they are. */
const directory = process.argv[2];
if (directory === undefined) {
  console.error('issue-secrets: name the directory for the secrets');
  process.exit(2);
}
const { DATABASE_ADDRESS = 'postgres:5432/mizan', NATS_URL = 'nats://nats:4222', PUBLIC_NATS_URL = NATS_URL, CREDENTIALS_DIR = `${directory}/nats/creds`, SCHEDULER_URL = 'http://scheduler:8080' } = process.env;
await issueDeploymentSecrets(directory, { database: DATABASE_ADDRESS, nats: NATS_URL, publicNats: PUBLIC_NATS_URL, credentials: CREDENTIALS_DIR, scheduler: SCHEDULER_URL });
console.log(`the deployment's secrets are in ${directory}`);
