import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Rules that find mistakes; layout is left to the reader's eye. */
export default tseslint.config(
  { ignores: ['node_modules/', 'dist/', '.mizan/', 'coverage/', 'contracts/out/', 'contracts/cache/', 'contracts/lib/'] },
  eslint.configs.recommended,
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        ['process', 'console', 'Buffer', 'URL', 'URLSearchParams', 'fetch', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'AbortController', 'AbortSignal', 'performance', 'WebAssembly', 'structuredClone', 'document', 'window'].map((name) => [name, 'readonly']),
      ),
    },
  },
  {
    files: ['apps/**/*.ts', 'libs/**/*.ts', 'contracts/**/*.ts', 'test/**/*.ts'],
    extends: [...tseslint.configs.recommended],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      // promises
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      // unions and types
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unnecessary-type-assertion': 'error',
      '@typescript-eslint/no-base-to-string': 'error',
      '@typescript-eslint/restrict-plus-operands': 'error',
      '@typescript-eslint/no-for-in-array': 'error',
      '@typescript-eslint/no-array-delete': 'error',
      // Packages without ES modules are loaded by createRequire.
      '@typescript-eslint/no-require-imports': 'off',
      '@typescript-eslint/no-implied-eval': 'error',
      '@typescript-eslint/no-unsafe-call': 'error',
      '@typescript-eslint/require-array-sort-compare': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true, allowEmpty: true }],
      'no-undef': 'off',
      // the house
      eqeqeq: 'error',
      'max-lines': ['error', { max: 350, skipBlankLines: true }],
      'no-restricted-syntax': [
        'error',
        { selector: 'TSEnumDeclaration', message: 'Use a const object and a union of the same name.' },
        { selector: 'ExportDefaultDeclaration', message: 'Exports have names.' },
      ],
      'no-restricted-imports': ['error', { paths: [{ name: 'nats', message: 'Use @nats-io/*, its successor.' }, { name: 'node:assert', message: 'Use assert from #kernel.' }] }],
    },
  },
  {
    files: ['**/*.spec.ts', '**/*.e2e.ts', 'libs/testing/**/*.ts'],
    rules: { 'max-lines': ['error', { max: 500, skipBlankLines: true }], 'no-restricted-imports': 'off' },
  },
);
