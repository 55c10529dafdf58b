// @vitest-environment jsdom
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { tell, Toasts } from "./Toasts";

afterEach(cleanup);

test("what is told before there is a place for it is shown when there is", async () => {
  tell("Saved before anything was drawn");
  render(<Toasts />);
  tell("The key was made", "good", "It is shown once.");
  expect(await screen.findByText("Saved before anything was drawn", {}, { timeout: 15_000 })).toBeTruthy();
  expect(screen.getByText("It is shown once.")).toBeTruthy();
  tell("A provider failed", "bad");
  expect(await screen.findByText("A provider failed")).toBeTruthy();
});
