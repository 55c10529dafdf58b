import { useState } from "react";
import type { Model } from "@/shared/providers/data";
import { Code, Dialog, Tabs } from "@/shared/ui";

const isForVectors = (model: Model): boolean => model.capabilities.embeddings === true && model.capabilities.function_calling !== true && model.capabilities.vision !== true;

function asCurl(model: Model): string {
  const base = window.location.origin;
  const [path, body] = isForVectors(model)
    ? ["embeddings", { model: model.key, input: "Hello!" }]
    : ["chat/completions", { model: model.key, messages: [{ role: "user", content: "Hello!" }] }];
  return `curl ${base}/v1/${path} \\\n  -H "Authorization: Bearer $LAIRD_API_KEY" \\\n  -H "Content-Type: application/json" \\\n  -d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`;
}

function asPython(model: Model): string {
  const name = JSON.stringify(model.key);
  const call = isForVectors(model)
    ? `answer = client.embeddings.create(model=${name}, input="Hello!")\nprint(answer.data[0].embedding)`
    : `answer = client.chat.completions.create(\n    model=${name},\n    messages=[{"role": "user", "content": "Hello!"}],\n)\nprint(answer.choices[0].message.content)`;
  return `import os\n\nfrom openai import OpenAI\n\nclient = OpenAI(base_url="${window.location.origin}/v1", api_key=os.environ["LAIRD_API_KEY"])\n${call}`;
}

/** How to ask a model, to be copied. */
export function UseModel({ model, onClose }: { model: Model; onClose: () => void }) {
  const [tab, setTab] = useState<"curl" | "python">("curl");
  return (
    <Dialog title={`Use ${model.key}`} note="Put a key of yours into the variable LAIRD_API_KEY first." open onClose={onClose} wide>
      <Tabs
        name="Language"
        value={tab}
        onChange={setTab}
        tabs={[
          { id: "curl", label: "curl", content: <Code label="curl" text={asCurl(model)} /> },
          { id: "python", label: "Python", content: <Code label="Python, with the openai package" text={asPython(model)} /> },
        ]}
      />
      <div className="h-3" />
    </Dialog>
  );
}
