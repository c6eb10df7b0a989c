import { Command, Option } from 'commander';
import { pino } from 'pino';
import { readOptions } from './node-options.js';
import { runNode } from './run-node.js';

const option = (flags: string, description: string, env: string): Option => new Option(flags, description).env(env);

/** `mizan-node run`: joins the network and rents this machine out until it is stopped. */
export function runCommand(): Command {
  return new Command('run')
    .description('join the network and run jobs until stopped')
    .addOption(option('--hub <url>', 'the gateway to enrol at (https, or http on this machine)', 'MIZAN_NODE_HUB'))
    .addOption(option('--token <token>', 'single-use enrolment token; needed at the first start only', 'MIZAN_NODE_TOKEN'))
    .addOption(option('--dir <path>', 'keys, enrolment and receipts of this node', 'MIZAN_NODE_DIR').makeOptionMandatory())
    .addOption(option('--name <name>', 'what people call it', 'MIZAN_NODE_NAME').makeOptionMandatory())
    .addOption(option('--region <region>', 'where it stands, as eu-frankfurt', 'MIZAN_NODE_REGION').makeOptionMandatory())
    .addOption(option('--country <code>', 'ISO 3166-1 alpha-2', 'MIZAN_NODE_COUNTRY').makeOptionMandatory())
    .addOption(option('--jurisdiction <code>', 'whose law applies: EU, US, SA, …', 'MIZAN_NODE_JURISDICTION').makeOptionMandatory())
    .addOption(option('--payout-address <address>', 'who is paid; a wallet is made in --dir when left out', 'MIZAN_NODE_PAYOUT_ADDRESS'))
    .addOption(option('--rpc <url>', 'JSON-RPC endpoint of the chain on which this node is paid: it is asked whether a statement that a delegate signed is a delegate\'s', 'MIZAN_NODE_RPC'))
    .addOption(option('--escrow <address>', 'contract from which this node is paid: what a delegate signed for another one is not kept', 'MIZAN_NODE_ESCROW'))
    .addOption(option('--price-input <usd>', 'asked per million input tokens', 'MIZAN_NODE_PRICE_INPUT').makeOptionMandatory())
    .addOption(option('--price-output <usd>', 'asked per million output tokens', 'MIZAN_NODE_PRICE_OUTPUT').default('0'))
    .addOption(option('--price-meters <meters>', 'asked beside: for an image, a second of audio, as images=0.04,audio_ms=0.0001', 'MIZAN_NODE_PRICE_METERS'))
    .addOption(option('--capacity <jobs>', 'jobs at once', 'MIZAN_NODE_CAPACITY').default('4'))
    .addOption(option('--engine <engines>', '"embedded", "llama.cpp" and URLs of OpenAI-compatible engines (vllm+URL for vLLM, whose prefix cache is then kept apart by organisation; x402+URL for a seller that is paid by x402), separated by commas', 'MIZAN_NODE_ENGINE').default('embedded'))
    .addOption(option('--model <file>', 'GGUF file that llama.cpp runs', 'MIZAN_NODE_MODEL'))
    .addOption(option('--engine-url <url>', 'one more OpenAI-compatible engine', 'MIZAN_ENGINE_URL'))
    .addOption(option('--model-endpoints <list>', 'what models of such engines are for, where their names do not say: my-voice=audio.speech,my-painter=images.generations', 'MIZAN_NODE_MODEL_ENDPOINTS'))
    .addOption(option('--engine-key <key>', 'bearer key of the engines', 'MIZAN_ENGINE_KEY'))
    .addOption(option('--x402-rpc <url>', 'JSON-RPC endpoint of the chain on which sellers are paid', 'MIZAN_NODE_X402_RPC'))
    .addOption(option('--x402-key <key>', 'who pays: keystore:FILE, kms:ID, or (better from the environment) a key in hex', 'MIZAN_NODE_X402_KEY'))
    .addOption(option('--x402-key-password-file <file>', 'password of the keystore', 'MIZAN_NODE_X402_KEY_PASSWORD_FILE'))
    .addOption(option('--x402-assets <tokens>', 'dollar tokens that may be paid, as eip155:8453/0x…, separated by commas', 'MIZAN_NODE_X402_ASSETS'))
    .addOption(option('--x402-payees <hosts>', 'who sellers may be paid by, as shop.example=0x…; the first that a seller names when left out', 'MIZAN_NODE_X402_PAYEES'))
    .addOption(option('--x402-max-request <usd>', 'the most for one request; never more than is reserved for it', 'MIZAN_NODE_X402_MAX_REQUEST'))
    .addOption(option('--x402-max-day <usd>', 'the most a day', 'MIZAN_NODE_X402_MAX_DAY'))
    .addOption(option('--x402-max-host-day <usd>', 'the most a day at one seller; as a day when left out', 'MIZAN_NODE_X402_MAX_HOST_DAY'))
    .addOption(option('--x402-models <models>', 'what the seller has, when it does not list that', 'MIZAN_NODE_X402_MODELS'))
    .addOption(option('--health-port <port>', 'serve /healthz and /readyz on loopback', 'MIZAN_NODE_HEALTH_PORT'))
    .addOption(option('--listen <host:port>', 'hear gateways that call this node straight; together with --public-url', 'MIZAN_NODE_LISTEN'))
    .addOption(option('--public-url <url>', 'where gateways reach --listen, usually https through a proxy of yours; jobs stay sealed through it', 'MIZAN_NODE_PUBLIC_URL'))
    .action(run);
}

async function run(given: Record<string, string | undefined>): Promise<void> {
  const engine = [...(given['engine'] ?? '').split(','), given['engineUrl'] ?? ''].map((name) => name.trim()).filter((name) => name !== '');
  const options = readOptions({ ...given, engine });
  const stopTelemetry = await startTelemetry();
  const logger = pino({ name: 'mizan-node', level: process.env['LOG_LEVEL'] ?? 'info' });
  const running = await runNode(options, logger);
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    void running.stop().then(stopTelemetry).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const error = await running.ended;
  if (stopping) return;
  logger.error({ error: error?.message }, 'the network no longer accepts this node: it was revoked, or its hub was set up anew');
  process.exit(2);
}

/** The SDK is heavy and seldom wanted: loaded only when there is somewhere to send spans. */
async function startTelemetry(): Promise<() => Promise<void>> {
  if (!process.env['OTEL_EXPORTER_OTLP_ENDPOINT']) return async () => undefined;
  return (await import('#service')).startTelemetry('node');
}
