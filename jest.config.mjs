/** One Jest for every kind of test: `*.spec.ts` is pure, `*.it.spec.ts` uses the real Postgres, NATS and EVM. */
export default {
  rootDir: '.',
  testEnvironment: 'node',
  testSequencer: '<rootDir>/test/longest-first.mjs',
  // Machines that many share are slow at times, and nothing is measured by this; what needs longer on an idle one says so.
  testTimeout: 300_000,
  extensionsToTreatAsEsm: ['.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/.mizan/'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.mizan/'],
  testRegex: ['(apps|libs|contracts|test|deploy)/.*\\.spec\\.ts$'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  moduleNameMapper: {
    // Two names are chalk's own imports.
    '^#(?!ansi-styles$|supports-color$)([a-z-]+)$': '<rootDir>/libs/$1/index.ts',
    '^#([a-z-]+)/(.+)$': '<rootDir>/libs/$1/$2.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
};
