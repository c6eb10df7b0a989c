export * from './common-config.js';
export * from './database.js';
export * from './define-service.js';
export * from './health-routes.js';
export * from './logger.js';
export * from './readiness.js';
export * from './run-service.js';
export * from './telemetry.js';
