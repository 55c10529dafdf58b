import { readdirSync } from "node:fs";
import hooks from "eslint-plugin-react-hooks";
import ts from "typescript-eslint";

const features = readdirSync(new URL("./src/features", import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

/** Imports point down only: app → features → shared → client; features never import each other. */
const forbid = (group, message) => ({ "no-restricted-imports": ["error", { patterns: [{ group, message }] }] });

export default ts.config(
  { ignores: ["dist", "src/client/schema.d.ts", "node_modules", "public"] },
  ...ts.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { "react-hooks": hooks },
    rules: {
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/only-throw-error": "off",
      "no-console": "error",
      "max-lines": ["error", 400],
    },
  },
  { files: ["src/shared/**"], rules: forbid(["@/features/*", "@/app/*"], "shared knows no feature") },
  { files: ["src/client/**"], rules: forbid(["@/*"], "the client knows nothing of the dashboard") },
  ...features.map((name) => ({
    files: [`src/features/${name}/**`],
    rules: forbid(
      ["@/app/*", ...features.filter((other) => other !== name).map((other) => `@/features/${other}/*`)],
      "features do not import each other: move what both need to shared/",
    ),
  })),
  { files: ["**/*.js"], ...ts.configs.disableTypeChecked },
);
