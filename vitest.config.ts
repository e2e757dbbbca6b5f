import { defineConfig } from 'vitest/config';

const suite = (name: string, fileParallelism: boolean) => ({
  test: {
    name,
    include: [name === 'unit' ? 'test/{unit/**/*,tidy}.test.ts' : `test/${name}/**/*.test.ts`],
    fileParallelism,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [suite('unit', true), suite('conformance', true), suite('crash', false), suite('bus', true)],
  },
});
