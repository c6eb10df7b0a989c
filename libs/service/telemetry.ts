/**
 * Starts OpenTelemetry when an OTLP endpoint is set; otherwise every span and every histogram of it is a no-op. Resolves with the shutdown. The SDK's hundreds of
 * modules are loaded only when there is somewhere to send to: they are an eighth of what a service loads.
 */
export async function startTelemetry(name: string, env: NodeJS.ProcessEnv = process.env): Promise<() => Promise<void>> {
  if (!env['OTEL_EXPORTER_OTLP_ENDPOINT']) return () => Promise.resolve();
  const [{ NodeSDK }, { OTLPMetricExporter }, { OTLPTraceExporter }, { PeriodicExportingMetricReader }] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/exporter-metrics-otlp-http'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/sdk-metrics'),
  ]);
  const metricReaders = [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(), exportIntervalMillis: Number(env['OTEL_METRIC_EXPORT_INTERVAL'] ?? 60_000) })];
  const sdk = new NodeSDK({ serviceName: `mizan-${name}`, traceExporter: new OTLPTraceExporter(), metricReaders, instrumentations: [] });
  sdk.start();
  return () => sdk.shutdown();
}
