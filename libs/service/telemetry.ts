import { NodeSDK } from '@opentelemetry/sdk-node';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';

/** Starts OpenTelemetry when an OTLP endpoint is set; otherwise every span and every histogram of it is a no-op. Returns the shutdown. */
export function startTelemetry(name: string, env: NodeJS.ProcessEnv = process.env): () => Promise<void> {
  if (!env['OTEL_EXPORTER_OTLP_ENDPOINT']) return () => Promise.resolve();
  const metricReaders = [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(), exportIntervalMillis: Number(env['OTEL_METRIC_EXPORT_INTERVAL'] ?? 60_000) })];
  const sdk = new NodeSDK({ serviceName: `mizan-${name}`, traceExporter: new OTLPTraceExporter(), metricReaders, instrumentations: [] });
  sdk.start();
  return () => sdk.shutdown();
}
