import type { LoggerService } from '@nestjs/common';
import { trace } from '@opentelemetry/api';
import { pino } from 'pino';

/** Members that may hold secrets never reach a log line. */
const redacted = ['authorization', 'password', 'secret', 'seed', 'privateKey', 'token', 'creds', '*.authorization', '*.password', '*.secret', '*.seed', '*.privateKey', '*.token', '*.creds'];

/** Structured JSON lines for Nest's Logger, with the trace id when there is one. */
export class JsonLogger implements LoggerService {
  private readonly pino;

  constructor(service: string, level: string) {
    this.pino = pino({ level, base: { service }, redact: redacted, mixin: () => traceFields() });
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write('info', message, rest);
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }
  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  private write(level: 'info' | 'error' | 'warn' | 'debug' | 'trace', message: unknown, rest: unknown[]): void {
    const context = rest.length > 0 && typeof rest.at(-1) === 'string' ? (rest.at(-1) as string) : undefined;
    if (message instanceof Error) this.pino[level]({ context, err: message }, message.message);
    else if (typeof message === 'object' && message !== null) this.pino[level]({ context, ...message });
    else this.pino[level]({ context }, String(message));
  }
}

function traceFields(): object {
  const span = trace.getActiveSpan();
  return span ? { trace: span.spanContext().traceId } : {};
}
