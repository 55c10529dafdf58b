// OpenAI's JavaScript SDK as a client of Laird.
//
// Reads a JSON list of cases from standard input, asks them one after another, and writes a JSON
// list of what it read:
//   in:  {"url", "key", "api": "chat" | "responses", "stream": bool, "params": {...}}
//   out: {"text", "thinking", "calls": [[name, arguments]], "finish", "usage": [prompt, completion]}
//        or {"error": {"type", "status", "message"}}
import { readFileSync } from 'node:fs';
import OpenAI from 'openai';

const INCOMPLETE = { max_output_tokens: 'length', content_filter: 'content_filter' };

function fromMessage(message, finish, usage) {
  return {
    text: message.content ?? '',
    thinking: message.reasoning_content ?? message.reasoning ?? '',
    calls: (message.tool_calls ?? []).map(({ function: f }) => [f.name, JSON.parse(f.arguments)]),
    finish,
    usage: usage && [usage.prompt_tokens, usage.completion_tokens],
  };
}

async function chat(client, params, stream) {
  if (!stream) {
    const { choices, usage } = await client.chat.completions.create(params);
    return fromMessage(choices[0].message, choices[0].finish_reason, usage);
  }
  const options = { stream: true, stream_options: { include_usage: true } };
  const message = { content: '', reasoning_content: '', tool_calls: [] };
  let finish = null;
  let usage = null;
  for await (const chunk of await client.chat.completions.create({ ...params, ...options })) {
    usage = chunk.usage ?? usage;
    for (const { delta, finish_reason } of chunk.choices) {
      message.content += delta.content ?? '';
      message.reasoning_content += delta.reasoning_content ?? delta.reasoning ?? '';
      finish = finish_reason ?? finish;
      for (const call of delta.tool_calls ?? []) {
        const known = (message.tool_calls[call.index] ??= { function: { name: '', arguments: '' } });
        known.function.name += call.function?.name ?? '';
        known.function.arguments += call.function?.arguments ?? '';
      }
    }
  }
  return fromMessage(message, finish, usage);
}

function fromResponse({ output, status, incomplete_details: why, usage }) {
  const parts = (type, of) => output.filter((item) => item.type === type).flatMap(of);
  const calls = parts('function_call', (item) => [[item.name, JSON.parse(item.arguments)]]);
  const complete = calls.length ? 'tool_calls' : 'stop';
  return {
    text: parts('message', (item) => item.content.map((part) => part.text ?? part.refusal)).join(''),
    thinking: parts('reasoning', (item) =>
      (item.content?.length ? item.content : item.summary).map((part) => part.text),
    ).join(''),
    calls,
    finish: status === 'completed' ? complete : (INCOMPLETE[why?.reason] ?? status),
    usage: usage && [usage.input_tokens, usage.output_tokens],
  };
}

async function responses(client, params, stream) {
  if (!stream) return fromResponse(await client.responses.create(params));
  let text = '';
  let last = null;
  for await (const event of await client.responses.create({ ...params, stream: true })) {
    if (event.type === 'response.output_text.delta') text += event.delta;
    if (event.type === 'response.completed' || event.type === 'response.incomplete') last = event;
  }
  if (last === null) throw new Error('the stream ended without its last event');
  const read = fromResponse(last.response);
  if (read.text !== text) throw new Error(`the pieces say ${text}, the whole says ${read.text}`);
  return read;
}

const clients = new Map();

function clientOf(url, key) {
  const name = `${url} ${key}`;
  if (!clients.has(name)) {
    const options = { baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, timeout: 20_000 };
    clients.set(name, new OpenAI(options));
  }
  return clients.get(name);
}

async function answer({ url, key, api, stream, params }) {
  const client = clientOf(url, key);
  try {
    return await (api === 'chat' ? chat : responses)(client, params, stream);
  } catch (error) {
    const { status = null, message } = error;
    return { error: { type: error.constructor.name, status, message } };
  }
}

const cases = JSON.parse(readFileSync(0, 'utf8'));
const results = [];
for (const each of cases) results.push(await answer(each));
process.stdout.write(JSON.stringify(results));
