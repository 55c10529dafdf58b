/** Programs that ask a model, ready to be copied. */

export interface Asked {
  /** The name that the request asks for. */
  model: string;
  /** A key's text; without one the variable LAIRD_API_KEY is read. */
  key?: string | undefined;
  /** Where Laird answers, such as http://127.0.0.1:8080. */
  origin: string;
  /** The model makes vectors and answers no chats. */
  vectors?: boolean;
}

const hello = "Say hello in one sentence.";

/** A text between the single quotes of a shell. */
const shell = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export function curlOf({ model, key, origin, vectors = false }: Asked): string {
  const body = JSON.stringify(vectors ? { model, input: hello } : { model, messages: [{ role: "user", content: hello }] });
  return [
    `curl ${origin}/v1/${vectors ? "embeddings" : "chat/completions"}`,
    `  -H "Authorization: Bearer ${key ?? "$LAIRD_API_KEY"}"`,
    `  -H "Content-Type: application/json"`,
    `  -d ${shell(body)}`,
  ].join(" \\\n");
}

export function pythonOf({ model, key, origin, vectors = false }: Asked): string {
  const name = JSON.stringify(model);
  return `${key === undefined ? "import os\n\n" : ""}from openai import OpenAI

client = OpenAI(base_url="${origin}/v1", api_key=${key === undefined ? 'os.environ["LAIRD_API_KEY"]' : JSON.stringify(key)})
${
  vectors
    ? `answer = client.embeddings.create(model=${name}, input="${hello}")
print(answer.data[0].embedding)`
    : `answer = client.chat.completions.create(
    model=${name},
    messages=[{"role": "user", "content": "${hello}"}],
)
print(answer.choices[0].message.content)`
}`;
}

export function scriptOf({ model, key, origin, vectors = false }: Asked): string {
  const name = JSON.stringify(model);
  return `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${origin}/v1", apiKey: ${key === undefined ? "process.env.LAIRD_API_KEY" : JSON.stringify(key)} });
${
  vectors
    ? `const answer = await client.embeddings.create({ model: ${name}, input: "${hello}" });
console.log(answer.data[0].embedding);`
    : `const answer = await client.chat.completions.create({
  model: ${name},
  messages: [{ role: "user", content: "${hello}" }],
});
console.log(answer.choices[0].message.content);`
}`;
}
