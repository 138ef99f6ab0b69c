import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// In production Flask serves frontend/dist from its own origin; in development Vite hands these paths to it.
const service = `http://127.0.0.1:${process.env.OHMSTEAD_PORT ?? "5000"}`;

export default defineConfig({
  plugins: [react()],
  server: {
    proxy: {
      "/api": service,
      "/external": service,
      "/metrics": service,
      "/socket.io": { target: service, ws: true },
    },
  },
  build: {
    outDir: "dist",
    sourcemap: true,
    // Libraries change less often than pages: browsers keep them apart. viem and wagmi are what is large.
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "chain", test: /node_modules[\\/](viem|wagmi|@wagmi|ox|abitype|@noble|@scure)[\\/]/ },
            { name: "vendor", test: /node_modules/ },
          ],
        },
      },
    },
  },
  test: {
    // Tests that need a browser say so in their first line: most do not, and start faster.
    environment: "node",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/test/setup.ts"],
    restoreMocks: true,
  },
});
