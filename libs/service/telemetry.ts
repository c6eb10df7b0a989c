import { NodeSDK } from '@opentelemetry/sdk-node';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';

/** Starts OpenTelemetry when an OTLP endpoint is set; otherwise every span is a no-op. Returns the shutdown. */
export function startTelemetry(name: string, env: NodeJS.ProcessEnv = process.env): () => Promise<void> {
  if (!env['OTEL_EXPORTER_OTLP_ENDPOINT']) return () => Promise.resolve();
  const sdk = new NodeSDK({ serviceName: `mizan-${name}`, traceExporter: new OTLPTraceExporter(), instrumentations: [] });
  sdk.start();
  return () => sdk.shutdown();
}
