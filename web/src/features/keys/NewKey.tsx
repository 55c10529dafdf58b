import { Button, Code, Dialog } from "@/shared/ui";

/** A key's text, this once, with calls that work as they stand. */
export function NewKey({ made, onClose }: { made: { name: string; key: string }; onClose: () => void }) {
  const base = `${location.origin}/v1`;
  const curl = `curl ${base}/chat/completions \\
  -H "Authorization: Bearer ${made.key}" -H "Content-Type: application/json" \\
  -d '{"model": "auto", "messages": [{"role": "user", "content": "Hello!"}]}'`;
  const python = `from openai import OpenAI

client = OpenAI(base_url="${base}", api_key="${made.key}")
answer = client.chat.completions.create(
    model="auto", messages=[{"role": "user", "content": "Hello!"}]
)
print(answer.choices[0].message.content)`;
  return (
    <Dialog
      title={`The key ${made.name}`}
      note="This is the only time it is shown: Laird keeps a fingerprint of it and nothing more."
      open
      wide
      onClose={onClose}
      actions={
        <Button look="primary" onClick={onClose}>
          I have kept it
        </Button>
      }
    >
      <div className="flex flex-col gap-4 py-1">
        <Code label="Key" text={made.key} />
        <Code label="curl" text={curl} />
        <Code label="Python" text={python} />
      </div>
    </Dialog>
  );
}
