/** One call of Laird's HTTP interface as code to be copied, with whatever body it has. */

export interface Call {
  /** Such as `/v1/chat/completions`. */
  path: string;
  body: unknown;
  headers?: Readonly<Record<string, string>>;
}

const inShell = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export function callAsCurl({ path, body, headers = {} }: Call, origin: string): string {
  return [
    `curl ${inShell(`${origin}${path}`)}`,
    '-H "Authorization: Bearer $LAIRD_API_KEY"',
    '-H "Content-Type: application/json"',
    ...Object.entries(headers).map(([name, value]) => `-H ${inShell(`${name}: ${value}`)}`),
    `-d ${inShell(JSON.stringify(body))}`,
  ].join(" \\\n  ");
}

export function callAsPython({ path, body, headers = {} }: Call, origin: string): string {
  const more = Object.entries(headers).map(([name, value]) => `\n        ${JSON.stringify(name)}: ${JSON.stringify(value)},`);
  // A text in JSON is the same text in Python; read back, it is the body to the last digit.
  return `import json
import os
import urllib.request

body = json.loads(${JSON.stringify(JSON.stringify(body))})
request = urllib.request.Request(
    ${JSON.stringify(`${origin}${path}`)},
    data=json.dumps(body).encode(),
    headers={
        "Authorization": "Bearer " + os.environ["LAIRD_API_KEY"],
        "Content-Type": "application/json",${more.join("")}
    },
)
with urllib.request.urlopen(request) as answer:
    print(answer.read().decode())`;
}
