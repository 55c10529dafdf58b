const browsers = [
  ["Edg/", "Edge"],
  ["OPR/", "Opera"],
  ["Firefox/", "Firefox"],
  ["Chrome/", "Chrome"],
  ["Safari/", "Safari"],
] as const;

const systems = [
  ["Android", "Android"],
  ["iPhone", "iPhone"],
  ["iPad", "iPad"],
  ["Windows", "Windows"],
  ["Mac OS", "macOS"],
  ["Linux", "Linux"],
] as const;

/** What a browser calls itself, in words; what is not known stays as it is, cut. */
export function browserOf(agent: string): string {
  const browser = browsers.find(([sign]) => agent.includes(sign))?.[1];
  if (browser === undefined) return agent === "" ? "an unknown program" : agent.slice(0, 40);
  const system = systems.find(([sign]) => agent.includes(sign))?.[1];
  return system === undefined ? browser : `${browser} on ${system}`;
}
