import { defineConfig } from 'vitest/config'

// `#verifier/x.ts` resolves to the source here and to `dist/` in a running program (package.json, "imports").
export default defineConfig({
  resolve: {
    alias: [
      { find: /^#(verifier|strategies|agents|runtime|config)\/(.*)$/, replacement: `${import.meta.dirname}/$1/$2` },
    ],
  },
  test: {
    include: ['{agents,strategies,verifier,runtime,config,test}/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
})
