import { describe, expect, it } from "vitest";
import { curlOf, pythonOf, scriptOf } from "./snippets";

const asked = { model: "it's", origin: "http://127.0.0.1:8080" };

describe("a program that asks a model", () => {
  it("reads the key from a variable unless it is given", () => {
    expect(curlOf(asked)).toContain('"Authorization: Bearer $LAIRD_API_KEY"');
    expect(pythonOf(asked)).toContain('api_key=os.environ["LAIRD_API_KEY"]');
    expect(scriptOf(asked)).toContain("apiKey: process.env.LAIRD_API_KEY");
    for (const text of [curlOf, pythonOf, scriptOf].map((write) => write({ ...asked, key: "sk-1" }))) {
      expect(text).toContain("sk-1");
      expect(text).not.toContain("LAIRD_API_KEY");
    }
  });

  it("survives a quote in a name", () => {
    expect(curlOf(asked)).toContain(`"model":"it'\\''s"`);
    expect(pythonOf(asked)).toContain('model="it\'s"');
  });

  it("asks a model for vectors where it makes nothing else", () => {
    expect(curlOf({ ...asked, vectors: true })).toContain("/v1/embeddings");
    for (const text of [pythonOf, scriptOf].map((write) => write({ ...asked, vectors: true }))) {
      expect(text).toContain("client.embeddings.create");
      expect(text).not.toContain("messages");
    }
  });
});
