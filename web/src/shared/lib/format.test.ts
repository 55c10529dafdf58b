import { describe, expect, it } from "vitest";
import { ago, bytes, compact, count, duration, percent, usd } from "./format";

describe("money", () => {
  it("keeps enough digits to tell small amounts apart", () => {
    expect(usd("0")).toBe("$0.00");
    expect(usd("12.3")).toBe("$12.30");
    expect(usd("0.0042")).toBe("$0.0042");
    expect(usd("0.000000001")).toBe("<$0.000001");
    expect(usd("1204.4")).toBe("$1,204");
  });

  it("takes figures as well as the API's text, and losses", () => {
    expect(usd(0.5)).toBe("$0.50");
    expect(usd("-3.456")).toBe("-$3.46");
  });

  it("says unpriced where the price is unknown, and never zero", () => {
    expect(usd(null)).toBe("unpriced");
  });
});

describe("figures", () => {
  it("are short where they are long", () => {
    expect(compact(9_999)).toBe("9,999");
    expect(compact(1_234_567)).toBe("1.2M");
    expect(bytes(1_500_000)).toBe("1.5 MB");
    expect(duration(0.42)).toBe("0.4 ms");
    expect(duration(1430)).toBe("1.4 s");
    expect(duration(125_000)).toBe("2 min 5 s");
  });

  it("keep their size at the borders", () => {
    expect(count(1_234_567)).toBe("1,234,567");
    expect(percent(0.1234)).toBe("12%");
    expect(percent(0.9995, 2)).toBe("99.95%");
    expect(bytes(999)).toBe("999 B");
    expect(bytes(2_500_000_000_000_000)).toBe("2500 TB");
    expect(duration(60_000)).toBe("1 min 0 s");
  });

  it("tell times in the words people use", () => {
    const now = Date.UTC(2026, 0, 2);
    expect(ago(now - 1000, now)).toBe("just now");
    expect(ago(now - 90_000, now)).toBe("1 min ago");
    expect(ago(now - 7_200_000, now)).toBe("2 h ago");
  });
});
