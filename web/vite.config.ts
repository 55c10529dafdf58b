import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Have the page load the dashboard's code at once, though it is the second thing to run. */
const loadMain: Plugin = {
  name: "load-main",
  transformIndexHtml: {
    order: "post",
    handler(_, { bundle = {} }) {
      const main = Object.values(bundle).find((chunk) => chunk.type === "chunk" && chunk.facadeModuleId?.endsWith("/src/main.tsx") === true);
      const files = main?.type === "chunk" ? [main.fileName, ...main.imports] : [];
      return files.map((file) => ({ tag: "link", attrs: { rel: "modulepreload", crossorigin: true, href: `/${file}` }, injectTo: "head" }));
    },
  },
};

const laird = process.env.LAIRD_URL ?? "http://127.0.0.1:8012";

export default defineConfig({
  plugins: [react(), tailwindcss(), loadMain],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "dist",
    target: "es2022",
    sourcemap: false,
    // Inlined assets would need `data:` in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": laird, "/v1": laird, "/health": laird } },
  // What draws something says at its head that it needs a document: making one takes a second.
  test: { environment: "node", include: ["src/**/*.test.{ts,tsx}"], restoreMocks: true, testTimeout: 20_000 },
});
