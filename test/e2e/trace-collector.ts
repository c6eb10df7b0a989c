import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CollectedSpan {
  readonly service: string;
  readonly name: string;
  /** Of OTLP: 2 server, 3 client. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
}

/** A histogram's state as it was exported last. */
export interface CollectedPoint {
  readonly name: string;
  readonly unit: string;
  readonly count: number;
  readonly bounds: readonly number[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

interface OtlpAttribute {
  key: string;
  value: Record<string, unknown>;
}

interface OtlpMetrics {
  resourceMetrics: { scopeMetrics: { metrics: { name: string; unit?: string; histogram?: { dataPoints: { attributes: OtlpAttribute[]; count: number | string; explicitBounds: number[] }[] } }[] }[] }[];
}

interface OtlpTraces {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: { name: string; kind: number; attributes?: OtlpAttribute[]; traceId: string; spanId: string; parentSpanId?: string }[] }[];
  }[];
}

/** An OTLP/HTTP endpoint that keeps the spans it is sent. */
export class TraceCollector {
  readonly spans: CollectedSpan[] = [];
  readonly points: CollectedPoint[] = [];
  /** Everything that was exported, as text: for what must not be in it. */
  text = '';
  private isFull = false;
  private readonly server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (this.isFull) return response.setHeader('content-type', 'application/json').end('{}');
      if (request.url === '/v1/metrics') this.takeMetrics(Buffer.concat(chunks).toString('utf8'));
      else this.take(Buffer.concat(chunks).toString('utf8'));
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Takes what is sent from now on, and keeps none of it. */
  keepNoMore(): void {
    this.isFull = true;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private takeMetrics(body: string): void {
    this.text += body;
    for (const { scopeMetrics } of (JSON.parse(body) as OtlpMetrics).resourceMetrics) {
      for (const { name, unit, histogram } of scopeMetrics.flatMap(({ metrics }) => metrics)) {
        for (const { attributes, count, explicitBounds } of histogram?.dataPoints ?? []) this.points.push({ name, unit: unit ?? '', count: Number(count), bounds: explicitBounds, attributes: plain(attributes) });
      }
    }
  }

  private take(body: string): void {
    this.text += body;
    for (const { resource, scopeSpans } of (JSON.parse(body) as OtlpTraces).resourceSpans) {
      const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        this.spans.push({ service, name: span.name, kind: span.kind, attributes: plain(span.attributes ?? []), traceId: span.traceId, spanId: span.spanId, parentSpanId: span.parentSpanId });
      }
    }
  }
}

const plain = (attributes: readonly OtlpAttribute[]): Record<string, unknown> => Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
