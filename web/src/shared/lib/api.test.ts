import { describe, expect, it, vi } from "vitest";
import { ApiError, api, data, onSignedOut, Unreachable } from "./api";

/** What the browser's `fetch` does next. */
type Fetch = (request: Request) => Promise<Response>;

const answer =
  (status: number, body: unknown): Fetch =>
  () =>
    Promise.resolve(new Response(typeof body === "string" ? body : JSON.stringify(body), { status }));

const ask = (fetch: Fetch) => data(api.GET("/api/providers", { baseUrl: "http://laird.test", fetch }));

describe("the server's refusals", () => {
  it("are errors with its words, code and field", async () => {
    const refusal = answer(422, { error: { message: "There is no kind 'x'.", code: "invalid_config", param: "kind" } });
    const error: unknown = await ask(refusal).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ message: "There is no kind 'x'.", status: 422, code: "invalid_config", param: "kind" });
  });

  it("are errors even where somebody else answers in their place", async () => {
    await expect(ask(answer(502, "<h1>Bad Gateway</h1>"))).rejects.toThrow("The server answered 502.");
  });

  it("of a session tell those who listen that it ended", async () => {
    const heard = vi.fn();
    const end = onSignedOut(heard);
    const refusal = answer(401, { error: { message: "Sign in.", code: "missing_api_key" } });
    await expect(ask(refusal)).rejects.toThrow("Sign in.");
    end();
    await expect(ask(refusal)).rejects.toThrow();
    expect(heard).toHaveBeenCalledOnce();
  });
});

describe("a server that is away", () => {
  it("is told from one that refuses", async () => {
    await expect(ask(() => Promise.reject(new TypeError("Failed to fetch")))).rejects.toBeInstanceOf(Unreachable);
  });
});
