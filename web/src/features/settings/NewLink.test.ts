import { expect, it } from "vitest";
import { linkOf } from "./NewLink";

const path = "/setup?token=t";

it("gives a link that others can follow", () => {
  const local = { url: `http://127.0.0.1:8012${path}`, path };
  expect(linkOf(local, "http://127.0.0.1:8012")).toBe(local.url);
  expect(linkOf(local, "https://laird.lan")).toBe(`https://laird.lan${path}`);
  const named = { url: `https://laird.example${path}`, path };
  expect(linkOf(named, "http://10.0.0.2:8012")).toBe(named.url);
});
