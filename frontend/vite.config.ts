import { defineConfig } from "vite";

// Relative addresses, so that the page works wherever it is mounted. Nothing is inlined: the page's policy forbids it.
export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../src/ruletune/serve/static/workbench",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    target: "es2022",
    chunkSizeWarningLimit: 400,
  },
  server: { host: "127.0.0.1", port: 5173, proxy: { "/api": "http://127.0.0.1:8791", "/report": "http://127.0.0.1:8791" } },
});
